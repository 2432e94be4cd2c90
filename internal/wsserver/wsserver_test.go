package wsserver

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/policy"
	"github.com/shoal-tracker/shoal/internal/streamio"
	"github.com/shoal-tracker/shoal/internal/swarm"
	"github.com/shoal-tracker/shoal/internal/tracker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tester is what tests, fuzzers and property tests have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is a server with its swarm and its connections, and a network that does
// only what it is told.
type world struct {
	t       tester
	clock   shoal.Clock
	store   *swarm.Store
	tracker *tracker.Tracker
	server  *Server

	visitors []*visitor   // that are open
	free     []shoal.Link // of slots that nobody has
	slots    uint32
	posted   int
	lost     int // posted to somebody who went before he got it
}

func newWorld(t tester, change ...func(c *Config)) *world {
	// The port of a browser is nobody's business.
	rules := policy.Config{ClientsDenied: []string{"XXXX"}, PortsDenied: []int{0}}
	return newWorldOf(t, policy.Compile(rules, policy.Lists{}), change...)
}

// began is what the clock of a new world says.
var began = shoal.TickOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

// newWorldOf is newWorld for given rules.
func newWorldOf(t tester, rules *policy.Chain, change ...func(c *Config)) *world {
	w := &world{t: t}
	w.clock.Set(began)
	tc := tracker.DefaultConfig()
	w.store = swarm.New(swarm.Config{PeerTimeout: tc.PeerTimeout, Seed: 1})
	w.tracker = tracker.New(tc, rules, w.store, &w.clock)
	c := DefaultConfig()
	for _, f := range change {
		f(&c)
	}
	w.server = New(c, w.tracker, w.post)
	return w
}

func (w *world) pass(d time.Duration) { w.clock.Set(w.clock.Now().Add(d)) }

func (w *world) find(l shoal.Link) *visitor {
	for _, v := range w.visitors {
		if v.Link() == l {
			return v
		}
	}
	return nil
}

func (w *world) post(to shoal.Link, message []byte) bool {
	w.posted++
	v := w.find(to)
	if v == nil {
		return false
	}
	v.mail = append(v.mail, message)
	return true
}

// deliver hands out what was posted, until nothing is left.
func (w *world) deliver() {
	for again := true; again; {
		again = false
		for _, v := range slices.Clone(w.visitors) {
			for len(v.mail) > 0 && !v.over {
				again = true
				v.receive()
			}
		}
	}
}

// leave closes everything, and wants nothing to be left of it.
func (w *world) leave() {
	w.t.Helper()
	for len(w.visitors) > 0 {
		w.visitors[0].hangUp()
	}
	if n := w.server.Counters().Connections; n != 0 {
		w.t.Errorf("%d connections are counted after all have closed", n)
	}
	if sum := w.store.Totals(); sum.Peers != 0 || sum.Browsers != 0 {
		w.t.Errorf("%d peers, %d of them browsers, are left after all have closed", sum.Peers, sum.Browsers)
	}
}

// swarm wants the browsers of a torrent to be so many.
func (w *world) swarm(hash byte, complete, incomplete uint32) {
	w.t.Helper()
	counts := make([]shoal.ScrapeCounts, 1)
	w.tracker.ScrapeBrowsers(shoal.AuthKey{}, []shoal.InfoHash{hashOf(hash)}, counts)
	if counts[0].Complete != complete || counts[0].Incomplete != incomplete {
		w.t.Errorf("torrent %c has %d seeders and %d leechers, want %d and %d",
			hash, counts[0].Complete, counts[0].Incomplete, complete, incomplete)
	}
}

// connections wants so many to be open.
func (w *world) connections(want uint64) {
	w.t.Helper()
	if got := w.server.Counters().Connections; got != want {
		w.t.Errorf("%d connections are open, want %d", got, want)
	}
}

// visitor is one client.
type visitor struct {
	*streamio.Conn
	w        *world
	protocol streamio.Protocol
	unread   []byte
	said     []byte // by the server, and not looked at yet
	queued   []byte
	mail     [][]byte
	waiting  int // what Conn.Waiting says, beside what is queued
	choked   bool
	over     bool
}

func headers(lines ...string) func(string) []byte {
	return func(name string) []byte {
		for _, line := range lines {
			if n, value, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
				return []byte(value)
			}
		}
		return nil
	}
}

const (
	sampleKey    = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	version13    = "Sec-WebSocket-Version: 13"
)

// visit upgrades a new connection. It takes the slot that was left last, as an
// engine does.
func (w *world) visit() *visitor {
	w.t.Helper()
	return w.visitAt("/")
}

// visitAt is visit at a path, with a query or without.
func (w *world) visitAt(target string) *visitor {
	w.t.Helper()
	return w.visitFrom("203.0.113.9:1", target)
}

// visitFrom is visitAt by somebody else.
func (w *world) visitFrom(remote, target string) *visitor {
	w.t.Helper()
	v := &visitor{w: w}
	link := shoal.NewLink(0, uint8(w.slots%3), w.slots, 1)
	if n := len(w.free); n > 0 {
		last := w.free[n-1]
		w.free = w.free[:n-1]
		link = shoal.NewLink(0, last.Loop(), last.Slot(), last.Generation()+1)
	} else {
		w.slots++
	}
	v.Conn = streamio.NewConnWith(streamio.ConnState{
		Remote: netip.MustParseAddrPort(remote), Clock: &w.clock, Link: link,
		Queue: func(b []byte) bool {
			if v.choked {
				return false
			}
			v.queued = append(v.queued, b...)
			return true
		},
		Waiting: func() int { return v.waiting + len(v.queued) },
	})
	reply, next := w.server.Upgrade(v.Conn, v.Remote().Addr(), []byte(target), headers(sampleKey, version13), nil)
	if next == nil {
		w.t.Fatalf("not upgraded: %s", reply)
	}
	v.protocol = next
	w.visitors = append(w.visitors, v)
	next.Open(v.Conn)
	return v
}

// end does what an engine does with a connection that is over.
func (v *visitor) end(why error) {
	if v.over {
		return
	}
	v.over = true
	v.w.lost += len(v.mail)
	v.w.visitors = slices.DeleteFunc(v.w.visitors, func(o *visitor) bool { return o == v })
	v.protocol.Closed(v.Conn, why)
	v.w.free = append(v.w.free, v.Link())
}

func (v *visitor) hangUp() { v.end(io.EOF) }

// after does what an engine does when a method of the protocol has returned.
func (v *visitor) after() {
	v.said, v.queued = append(v.said, v.queued...), nil
	if v.IsClosed() || v.choked {
		v.end(nil)
	}
}

// receive hands over the first of the mail.
func (v *visitor) receive() {
	message := v.mail[0]
	v.mail = v.mail[1:]
	v.protocol.(streamio.Receiver).Received(v.Conn, message)
	v.after()
}

// ring gives the protocol its alarm if that is due.
func (v *visitor) ring() {
	if at := v.Alarm(); !v.over && at != 0 && at <= v.Now() {
		v.SetAlarm(0)
		v.protocol.Tick(v.Conn, v.Now())
		v.after()
	}
}

// send does what an engine does with input.
func (v *visitor) send(in []byte) {
	v.w.t.Helper()
	v.unread = append(v.unread, in...)
	for len(v.unread) > 0 && !v.over {
		window := v.unread[:min(len(v.unread), MaxInput)]
		const earlier = "earlier"
		used, reply, then := v.protocol.Bytes(v.Conn, window, append(make([]byte, 0, 16<<10), earlier...))
		if !bytes.HasPrefix(reply, []byte(earlier)) {
			v.w.t.Fatalf("earlier replies were lost: %.50q", reply)
		}
		v.said = append(v.said, reply[len(earlier):]...)
		v.unread = v.unread[used:]
		if then == streamio.Close {
			v.Close()
		}
		v.after()
		if used == 0 {
			if len(window) == MaxInput && !v.over {
				v.w.t.Fatal("nothing of the longest input was used")
			}
			return
		}
	}
}

// say sends a message.
func (v *visitor) say(message string) {
	v.w.t.Helper()
	v.send(clientFrame(text, true, message))
}

// clientFrame is a frame as clients send it, masked.
func clientFrame(o opcode, final bool, payload string) []byte {
	return maskedFrame(o, final, payload, rand.Uint32()|1)
}

func maskedFrame(o opcode, final bool, payload string, mask uint32) []byte {
	b := []byte{byte(o), maskBit}
	if final {
		b[0] |= finalBit
	}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = binary.BigEndian.AppendUint32(b, mask)
	key := b[len(b)-4:]
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// serverFrame is one frame of the server.
type serverFrame struct {
	opcode  opcode
	payload []byte
}

// readServer reads whole frames, in the only form that a server of ours sends.
func readServer(b []byte) (frames []serverFrame, rest []byte, err error) {
	for len(b) > 0 {
		if b[0]&0xf0 != 0x80 {
			return frames, b, fmt.Errorf("a frame begins with %#x", b[0])
		}
		if len(b) < 2 {
			return frames, b, nil
		}
		n, head := int(b[1]), 2
		switch {
		case n == 126 && len(b) < 4, n == 127 && len(b) < 10:
			return frames, b, nil
		case n == 126:
			n, head = int(binary.BigEndian.Uint16(b[2:])), 4
			if n < 126 {
				return frames, b, fmt.Errorf("a length of %d in 2 bytes", n)
			}
		case n == 127:
			n, head = int(binary.BigEndian.Uint64(b[2:])), 10
			if n < 1<<16 {
				return frames, b, fmt.Errorf("a length of %d in 8 bytes", n)
			}
		case n > 127:
			return frames, b, fmt.Errorf("a server masks")
		}
		if len(b) < head+n {
			return frames, b, nil
		}
		frames = append(frames, serverFrame{opcode(b[0] & 15), b[head : head+n]})
		b = b[head+n:]
	}
	return frames, nil, nil
}

// describe says what a frame is in a few words. Names are of one letter, 20
// times.
func (f serverFrame) describe() string {
	switch f.opcode {
	case ping:
		return "ping"
	case pong:
		return "pong " + string(f.payload)
	case closing:
		if len(f.payload) == 0 {
			return "close"
		}
		return fmt.Sprintf("close %d", binary.BigEndian.Uint16(f.payload))
	case text:
	default:
		return fmt.Sprintf("frame of opcode %d", f.opcode)
	}
	var m struct {
		Action  string         `json:"action"`
		Hash    string         `json:"info_hash"`
		Peer    string         `json:"peer_id"`
		ID      string         `json:"offer_id"`
		Offer   map[string]any `json:"offer"`
		Answer  map[string]any `json:"answer"`
		Failure string         `json:"failure reason"`
		Files   map[string]struct {
			Complete, Incomplete, Downloaded int
		} `json:"files"`
		Interval, Complete, Incomplete int
	}
	if err := json.Unmarshal(f.payload, &m); err != nil {
		return fmt.Sprintf("no JSON: %v: %s", err, f.payload)
	}
	letter := func(s string) string {
		if len(s) == 20 && s == strings.Repeat(s[:1], 20) {
			return s[:1]
		}
		return s
	}
	switch {
	case m.Failure != "":
		return "failure: " + m.Failure
	case m.Offer != nil:
		return fmt.Sprintf("%s: offer %s of %s: %v", letter(m.Hash), letter(m.ID), letter(m.Peer), m.Offer["sdp"])
	case m.Answer != nil:
		return fmt.Sprintf("%s: answer to %s of %s: %v", letter(m.Hash), letter(m.ID), letter(m.Peer), m.Answer["sdp"])
	case m.Action == "scrape":
		var files []string
		for hash, c := range m.Files {
			files = append(files, fmt.Sprintf("%s %d/%d/%d", letter(hash), c.Complete, c.Incomplete, c.Downloaded))
		}
		slices.Sort(files)
		return "scrape: " + strings.Join(files, ", ")
	case m.Action == "announce" && m.Interval > 0:
		return fmt.Sprintf("%s: %d/%d", letter(m.Hash), m.Complete, m.Incomplete)
	}
	return string(f.payload)
}

// heard returns what the server has said since the last time.
func (v *visitor) heard() []string {
	v.w.t.Helper()
	frames, rest, err := readServer(v.said)
	if err != nil || len(rest) > 0 {
		v.w.t.Fatalf("%d bytes are no frame: %v", len(rest), err)
	}
	v.said = nil
	all := []string{}
	for _, f := range frames {
		all = append(all, f.describe())
	}
	return all
}

// hears wants the server to have said this since the last time.
func (v *visitor) hears(want ...string) {
	v.w.t.Helper()
	if got := v.heard(); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		v.w.t.Errorf("heard %q, want %q", got, want)
	}
}

// closes wants the connection to be closed, after these words.
func (v *visitor) closes(want ...string) {
	v.w.t.Helper()
	if !v.over {
		v.w.t.Error("the connection is open")
	}
	v.hears(want...)
}

func name(c byte) string { return strings.Repeat(string(rune(c)), 20) }

func hashOf(c byte) (h shoal.InfoHash) {
	copy(h[:], name(c))
	return h
}

// announce is the announce of a leecher, with an offer for each letter of ids,
// whose SDP is sdp and that letter.
func announce(hash, peer byte, ids string) string { return announceWith(hash, peer, ids, `"left":1`) }

func announceWith(hash, peer byte, ids, fields string) string {
	var offers []string
	for _, id := range []byte(ids) {
		offers = append(offers, fmt.Sprintf(`{"offer_id":"%s","offer":{"type":"offer","sdp":"sdp %c"}}`, name(id), id))
	}
	return fmt.Sprintf(`{"action":"announce","info_hash":"%s","peer_id":"%s",%s,"offers":[%s]}`,
		name(hash), name(peer), fields, strings.Join(offers, ","))
}

// answer is what a peer answers to an offer.
func answer(hash, peer, to, id byte, sdp string) string {
	return fmt.Sprintf(`{"action":"announce","info_hash":"%s","peer_id":"%s","to_peer_id":"%s","offer_id":"%s","answer":{"type":"answer","sdp":"%s"},"offers":null}`,
		name(hash), name(peer), name(to), name(id), sdp)
}

func failure(f shoal.Failure) string { return "failure: " + f.Error() }
