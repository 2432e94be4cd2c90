//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// couple is two peers of a torrent of their own, one by ws and the other by
// wss. The one makes offers all the time and the other answers each. Both are
// strict: what Shoal says must be what is due, and nothing else.
type couple struct {
	infoHash           [20]byte
	offererID, otherID [20]byte
	offering           atomic.Pointer[string] // offer_id of the last offer
	offerer, other     *socket
	announced          time.Time // by the other, who makes no offers
	stop               chan struct{}
	once               sync.Once
	done               sync.WaitGroup
	answered           atomic.Int64
	mu                 sync.Mutex
	times              []time.Duration // from the announce to the answer
}

// reannounced is how often a peer says that it is there.
const reannounced = 20 * time.Second

// sdpLength is what an offer of a browser has, more or less.
const sdpLength = 1500

// newSDP is a description that only one offer or answer has. It has what JSON
// spells in more ways than one.
func newSDP(kind string) json.RawMessage {
	b := make([]byte, sdpLength/2)
	rand.Read(b)
	return fmt.Appendf(nil, `{"type":"%s","sdp":"v=0\r\no=- \u003cé\ud83d\ude00/\/ %x"}`, kind, b)
}

func randomID() (id [20]byte) {
	rand.Read(id[:])
	return id
}

func startCouple(t *testing.T, h *host, tracker netip.AddrPort, config *tls.Config) *couple {
	t.Helper()
	c := &couple{infoHash: randomID(), offererID: randomID(), otherID: randomID(), stop: make(chan struct{})}
	var err error
	if c.offerer, err = openSocket(h, tracker, nil); err != nil {
		t.Fatal(err)
	}
	if c.other, err = openSocket(h, tracker, config); err != nil {
		t.Fatal(err)
	}
	c.done.Go(func() {
		for {
			if err := c.exchange(); err != nil {
				t.Errorf("a couple, after %d offers: %v", c.count(), err)
				return
			}
			c.answered.Add(1)
			select {
			case <-c.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	t.Cleanup(c.end)
	return c
}

// exchange makes one offer, and one answer to it.
func (c *couple) exchange() error {
	for _, s := range []*socket{c.offerer, c.other} {
		s.conn.SetDeadline(time.Now().Add(30 * time.Second))
	}
	if time.Since(c.announced) > reannounced {
		if _, err := c.other.announce(leecherOf(c.infoHash, c.otherID)); err != nil {
			return err
		}
		c.announced = time.Now()
	}
	offerID := randomID()
	made := webOffer{binaryString(offerID[:]), newSDP("offer")}
	c.offering.Store(&made.OfferID)
	begin := time.Now()

	if err := c.offerer.sendRaw(leecherOf(c.infoHash, c.offererID), made); err != nil {
		return err
	}
	m, err := c.offerer.receive()
	if err := c.check("the reply to the offerer", err, m, nil); err != nil {
		return err
	}
	m, err = c.other.receive()
	if err := c.check("the offer", err, m, &webMessage{PeerID: binaryString(c.offererID[:]), OfferID: made.OfferID, Offer: made.Offer}); err != nil {
		return err
	}

	answer := newSDP("answer")
	text, err := json.Marshal(answerOf(m, c.otherID, json.RawMessage(`"ANSWER"`)))
	if err != nil {
		return err
	}
	if err := c.other.text(bytes.Replace(text, []byte(`"ANSWER"`), answer, 1)); err != nil {
		return err
	}
	m, err = c.offerer.receive()
	if err := c.check("the answer", err, m, &webMessage{PeerID: binaryString(c.otherID[:]), OfferID: made.OfferID, Answer: answer}); err != nil {
		return err
	}
	took := time.Since(begin)
	m, err = c.other.receive()
	if err := c.check("the reply to the answer", err, m, nil); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, took)
	return nil
}

// sendRaw announces one offer, as it is spelled.
func (s *socket) sendRaw(m webMessage, offer webOffer) error {
	m.Offers = []webOffer{{offer.OfferID, json.RawMessage(`"OFFER"`)}}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.text(bytes.Replace(text, []byte(`"OFFER"`), offer.Offer, 1))
}

// check compares a message with what is due: nil is a reply to an announce.
func (c *couple) check(what string, err error, got webMessage, want *webMessage) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if got.Action != "announce" || got.InfoHash != binaryString(c.infoHash[:]) || got.Failure != "" {
		return fmt.Errorf("%s is %+v", what, got)
	}
	if want == nil {
		if got.isRelayed() || got.Interval == nil || got.Complete == nil || got.Incomplete == nil || *got.Complete != 0 || *got.Incomplete != 2 {
			return fmt.Errorf("%s is %+v, want the counts of two leechers", what, got)
		}
		return nil
	}
	if got.PeerID != want.PeerID || got.OfferID != want.OfferID || got.Interval != nil ||
		!bytes.Equal(got.Offer, want.Offer) || !bytes.Equal(got.Answer, want.Answer) {
		return fmt.Errorf("%s is %+v (%s%s), want %+v (%s%s)", what, got, got.Offer, got.Answer, *want, want.Offer, want.Answer)
	}
	return nil
}

func (c *couple) end() {
	c.once.Do(func() { close(c.stop) })
	c.done.Wait()
	c.offerer.conn.Close()
	c.other.conn.Close()
}

// more waits until n more offers are answered.
func (c *couple) more(t *testing.T, s *shoal, n int64) {
	t.Helper()
	start := c.count()
	await(t, time.Minute, func() error {
		if got := c.count() - start; got < n {
			return fmt.Errorf("the couple has %d answers of %d", got, n)
		}
		return nil
	}, s.proc)
}

// count is how many offers were answered.
func (c *couple) count() int64 { return c.answered.Load() }

// String has the figures since the last time it was asked.
func (c *couple) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	times := c.times
	c.times = nil
	if len(times) == 0 {
		return "no offers"
	}
	slices.Sort(times)
	quantile := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d offers of a couple relayed and answered, in %v at the median, %v for 99 of 100, %v at most",
		len(times), quantile(0.5), quantile(0.99), quantile(1))
}

// infoHashText is for messages of tests.
func infoHashText(infoHash [20]byte) string { return hex.EncodeToString(infoHash[:4]) }
