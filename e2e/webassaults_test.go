//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// webAssault is an attack: what each attacker does.
type webAssault struct {
	name    string
	n       int
	do      func(a *attacker) error // fails when Shoal does other than it should
	most    int64                   // bytes of memory that each may cost while it goes on; 0: not looked at
	relayed int64                   // offers and answers that all together may receive; 0: not looked at
	warms   bool                    // it is done once before all others, too
}

// What attackers send.
const (
	floodSDP    = 15_000 // bytes of an offer
	floodOffers = 4      // a message holds no more of these
	floods      = 1000   // announces of each who floods
	manyOffers  = 64
	manyFloods  = 100
	pings       = 20_000
	failuresIn  = 10 // in a row, and Shoal has had enough
	lateAnswers = 32 // that are no failures of a connection's
	mostTorrent = 1000
)

var webAssaults = []webAssault{
	{name: "unmasked frames", n: 500, do: throw(closeProtocol, 0, func(int) []byte {
		return append(appendFrameHead(nil, final|opText, 0, 2), "{}"...)
	})},
	{name: "reserved bits", n: 500, do: throw(closeProtocol, 0, func(i int) []byte {
		return appendFrame(nil, final|opText|0x40>>(i%3), []byte("{}"))
	})},
	{name: "unknown opcodes", n: 500, do: throw(closeProtocol, 0, func(i int) []byte {
		return appendFrame(nil, final|[]byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15}[i%10], []byte("{}"))
	})},
	{name: "broken control frames", n: 500, do: throw(closeProtocol, 0, func(i int) []byte {
		switch i % 6 {
		case 0:
			return appendFrame(nil, opPing, []byte("not the last"))
		case 1:
			return appendFrame(nil, final|opPing, make([]byte, 126))
		case 2:
			return appendFrame(nil, final|opContinuation, []byte("of nothing"))
		case 3:
			return appendFrame(appendFrame(nil, opText, []byte("{")), final|opText, []byte("}"))
		case 4:
			return appendFrame(nil, final|opClose, []byte{3})
		}
		return appendFrame(nil, final|opClose, []byte{1005 >> 8, 1005 & 0xff}) // which is never sent
	})},
	{name: "oversize", n: 500, do: throw(closeTooBig, 0, func(i int) []byte {
		switch i % 4 {
		case 0:
			return appendFrameHead(nil, final|opText, 0x80, 1<<16+1)
		case 1:
			return appendFrameHead(nil, final|opBinary, 0x80, 1<<31)
		case 2:
			return appendFrameHead(nil, opText, 0x80, 1<<62)
		}
		b := appendFrame(nil, opText, make([]byte, 8<<10))
		for range 8 {
			b = appendFrame(b, opContinuation, bytes.Repeat([]byte{' '}, 8<<10))
		}
		return b
	})},
	{name: "unfinished messages", n: 500, most: 192 << 10, do: unfinishedMessage},
	{name: "unfinished frames", n: 500, most: 192 << 10, do: unfinishedFrame},
	{name: "invalid UTF-8", n: 500, do: throw(closeText, 0, func(i int) []byte {
		bad := []string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"}[i%5]
		return appendFrame(nil, final|opText, []byte(`{"action":"announce","x":"`+bad+`"}`))
	})},
	{name: "deep JSON", n: 100, do: throw(closePolicy, failuresIn, func(i int) []byte {
		deep := strings.Repeat("[", 60_000)
		if i%2 == 1 {
			deep = `{"action":"announce","offers":[{"offer":` + strings.Repeat(`{"a":`, 6000) + "1" + strings.Repeat("}", 6000) + "}]}"
		}
		return bytes.Repeat(appendFrame(nil, final|opText, []byte(deep)), failuresIn)
	})},
	{name: "garbage", n: 500, do: throw(closePolicy, failuresIn, func(i int) []byte {
		text := []string{
			"", "hello", "{}", "[]", "null", `{"action":"announce"`, `{"action":"announce"}`, `{"action":"scrape"}`,
			`{"action":"announce","info_hash":5,"peer_id":6}`, `{"action":{"action":"announce"}}`,
		}[i%10]
		return bytes.Repeat(appendFrame(nil, final|opText, []byte(text)), failuresIn)
	})},
	{name: "noise", n: 500, do: noise},
	{name: "large SDP", n: 100, do: throw(closePolicy, failuresIn, func(i int) []byte {
		torrent, peerID := randomID(), randomID()
		m := leecherOf(torrent, peerID, webOffer{binaryString(peerID[:]), flood(16 << 10)})
		return bytes.Repeat(appendFrame(nil, final|opText, marshal(m)), failuresIn)
	})},
	{name: "ping floods", n: 100, do: pingFlood},
	{name: "ping floods, unread", n: 100, most: 256 << 10, do: pingFloodUnread},
	{name: "slow readers", n: 40, most: 256 << 10, do: slowReader, relayed: 4*floods*floodOffers - 1, warms: true},
	{name: "offer floods", n: 50, do: offerFlood, relayed: 50 * manyFloods * 10, warms: true},
	{name: "1,001 torrents", n: 50, do: manyTorrents, warms: true},
	{name: "unsolicited and guessed answers", n: 100, do: forgedAnswers},
	{name: "the peer ID of another", n: 100, do: stolenPeerID},
	{name: "doubled and foreign answers", n: 100, do: doubledAnswers},
	{name: "resets", n: 1000, do: reset},
	{name: "half-closed", n: 500, do: halfClosed},
}

func marshal(m any) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return text
}

// flood is an SDP of n bytes and a few more.
func flood(n int) json.RawMessage {
	return json.RawMessage(`{"type":"offer","sdp":"` + strings.Repeat("a", n) + `"}`)
}

// enter joins the torrent of all over a new socket.
func (a *attacker) enter() (*socket, error) {
	s, err := a.open()
	if err == nil {
		_, err = a.join(s, a.torrent, randomID())
	}
	return s, err
}

// throw sends what is made of the attacker's number, and is to be expelled for
// it.
func throw(code uint16, failures int, stone func(number int) []byte) func(a *attacker) error {
	return func(a *attacker) error {
		s, err := a.enter()
		if err != nil {
			return err
		}
		go s.conn.Write(stone(a.number)) // Shoal need not take all of it
		return a.expelled(s, code, failures)
	}
}

func unfinishedMessage(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	b := appendFrame(nil, opText, []byte(`{"action":"announce","x":"`))
	for range 7 {
		b = appendFrame(b, opContinuation, bytes.Repeat([]byte{'a'}, 8<<10))
	}
	b = appendFrame(b, final|opPing, []byte("between"))
	if _, err := s.conn.Write(b); err != nil {
		return err
	}
	head, payload, err := s.frame()
	if err == nil && (head != final|opPong || string(payload) != "between") {
		err = fmt.Errorf("a ping between fragments is answered with %#x %q", head, payload)
	}
	return err
}

func unfinishedFrame(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	whole := appendFrame(nil, final|opText, bytes.Repeat([]byte{' '}, 60_000))
	_, err = s.conn.Write(whole[:len(whole)-1])
	return err
}

// noise is no frames at all. It is enough that the connection ends.
func noise(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	b := make([]byte, 256<<10)
	rand.Read(b)
	go s.conn.Write(b)
	return a.ended(s)
}

// pingFlood reads what comes: the first pings are answered.
func pingFlood(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	go func() {
		many := bytes.Repeat(appendFrame(nil, final|opPing, make([]byte, 125)), 100)
		for range pings / 100 {
			if _, err := s.conn.Write(many); err != nil {
				return
			}
		}
	}()
	if err := a.expelled(s, closePolicy, 0); err != nil {
		return err
	}
	if s.pongs == 0 || s.pongs > pings/2 {
		return fmt.Errorf("%d pings were answered with %d pongs", pings, s.pongs)
	}
	return nil
}

// pingFloodUnread does not read until Shoal takes no more.
func pingFloodUnread(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	many := bytes.Repeat(appendFrame(nil, final|opPing, make([]byte, 125)), 100)
	for range 10 * pings / 100 {
		s.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err = s.conn.Write(many); err != nil {
			break
		}
	}
	if err == nil {
		return errors.New("Shoal takes pings without end")
	}
	return a.ended(s)
}

// ended waits for the end of a connection, whatever it is.
func (a *attacker) ended(s *socket) error {
	for {
		if _, _, err := s.frame(); err != nil {
			a.leave(s)
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				return errors.New("Shoal does not close the connection")
			}
			return nil
		}
	}
}

// raw is the TCP connection of a socket.
func raw(s *socket) *net.TCPConn {
	if secure, ok := s.conn.(*tls.Conn); ok {
		return secure.NetConn().(*net.TCPConn)
	}
	return s.conn.(*net.TCPConn)
}

// slowReader is one who floods, if its number says so, or one who does not read
// while the others do. What it then finds is whole.
func slowReader(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	slow := a.number%10 != 0
	if err := a.meet(0); err != nil {
		return err
	}
	if !slow {
		if err := a.flood(s, floods, floodOffers, floodSDP); err != nil {
			return err
		}
	}
	if err := a.meet(1); err != nil {
		return err
	}
	if _, err := s.scrape(a.torrent); err != nil {
		return err
	}
	if slow && len(s.relayed) == 0 {
		return errors.New("no offer at all came")
	}
	return whole(s.relayed, flood(floodSDP))
}

// flood announces again and again, with offers each time.
func (a *attacker) flood(s *socket, times, offers, length int) error {
	m := leecherOf(a.torrent, randomID())
	for range offers {
		id := randomID()
		m.Offers = append(m.Offers, webOffer{binaryString(id[:]), flood(length)})
	}
	text := marshal(m)
	for range times {
		if err := s.text(text); err != nil {
			return err
		}
		got, err := s.reply()
		if err != nil {
			return err
		}
		if got.Failure != "" || got.Interval == nil {
			return fmt.Errorf("an announce of %d offers is answered with %+v", offers, got)
		}
	}
	return nil
}

// whole compares what was relayed with what was sent.
func whole(relayed []webMessage, want json.RawMessage) error {
	for _, m := range relayed {
		if !bytes.Equal(m.Offer, want) {
			return fmt.Errorf("an offer came as %.100q", m.Offer)
		}
	}
	return nil
}

func offerFlood(a *attacker) error {
	const length = 700
	s, err := a.enter()
	if err == nil {
		err = a.meet(0)
	}
	if err == nil {
		err = a.flood(s, manyFloods, manyOffers, length)
	}
	if err == nil {
		err = a.meet(1)
	}
	if err == nil {
		_, err = s.scrape(a.torrent)
	}
	if err != nil {
		return err
	}
	return whole(s.relayed, flood(length))
}

// reset ends without a word.
func reset(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	raw(s).SetLinger(0)
	a.leave(s)
	return raw(s).Close()
}

func halfClosed(a *attacker) error {
	s, err := a.enter()
	if err != nil {
		return err
	}
	if err := s.conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	return a.ended(s)
}
