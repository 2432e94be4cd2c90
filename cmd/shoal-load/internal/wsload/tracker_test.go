package wsload

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/webtorrent"
)

// tracker is a WebTorrent tracker for tests: a small one, that may lie.
type tracker struct {
	secure   *tls.Config // nil: without TLS
	silent   bool        // answers get no reply
	parts    bool        // messages come in parts, with a ping between them
	lie      func(kind webtorrent.Kind, message []byte) [][]byte
	upgrade  func(c net.Conn, r *http.Request) bool // false: it was answered otherwise
	closes   func(messages int64) bool              // closes the connection it came by after so many messages
	deaf     func(messages int64) bool              // reads no more
	messages atomic.Int64
	stop     chan struct{}
	opened   atomic.Int64 // connections

	mu      sync.Mutex
	swarms  map[shoal.InfoHash][]*client
	clients map[*client]bool
}

type client struct {
	conn   net.Conn
	peerID shoal.PeerID
	out    chan []byte
}

func (t *tracker) start(tb testing.TB) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	t.swarms, t.clients = map[shoal.InfoHash][]*client{}, map[*client]bool{}
	t.stop = make(chan struct{})
	var running sync.WaitGroup
	tb.Cleanup(func() {
		close(t.stop)
		l.Close()
		t.mu.Lock()
		for c := range t.clients {
			c.conn.Close()
		}
		t.mu.Unlock()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { t.serve(conn) })
		}
	})
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func (t *tracker) serve(conn net.Conn) {
	defer conn.Close()
	c := &client{conn: conn, out: make(chan []byte, 1<<12)}
	t.mu.Lock()
	t.clients[c] = true
	t.opened.Add(1)
	t.mu.Unlock()
	if t.secure != nil {
		conn = tls.Server(conn, t.secure)
	}
	defer t.leave(c)
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil || t.upgrade != nil && !t.upgrade(conn, request) {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		accepted([]byte(request.Header.Get("Sec-WebSocket-Key")))+"\r\n\r\n")
	written := make(chan struct{})
	go func(out <-chan []byte) {
		defer close(written)
		var failed error
		for b := range out {
			if failed == nil {
				_, failed = conn.Write(b)
			}
		}
	}(c.out)
	defer func() {
		conn.Close()
		<-written
	}()
	defer func() {
		t.mu.Lock()
		close(c.out)
		c.out = nil
		t.mu.Unlock()
	}()
	var message webtorrent.Message
	for {
		opcode, payload, err := readClientFrame(r)
		if err != nil || opcode == opClose {
			return
		}
		if opcode != opText {
			continue
		}
		n := t.messages.Add(1)
		if t.deaf != nil && t.deaf(n) {
			<-t.stop
		}
		if t.closes != nil && t.closes(n) {
			return
		}
		var req shoal.AnnounceRequest
		if failure := webtorrent.Parse(payload, &req, &message); failure != shoal.OK {
			t.mu.Lock()
			t.tell(c, webtorrent.KindFailure, webtorrent.AppendFailure(nil, message.Kind, message.InfoHashText, failure))
			t.mu.Unlock()
			continue
		}
		t.take(c, &req, &message)
	}
}

func (t *tracker) leave(c *client) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.clients, c)
	for hash, swarm := range t.swarms {
		for i, other := range swarm {
			if other == c {
				t.swarms[hash] = append(swarm[:i:i], swarm[i+1:]...)
				break
			}
		}
	}
}

// take handles a message.
func (t *tracker) take(c *client, req *shoal.AnnounceRequest, m *webtorrent.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	swarm := t.swarms[req.InfoHash]
	at := -1
	for i, other := range swarm {
		if other == c {
			at = i
		}
	}
	if at < 0 {
		at = len(swarm)
		swarm = append(swarm, c)
		c.peerID = req.PeerID
		t.swarms[req.InfoHash] = swarm
	}
	res := shoal.AnnounceResponse{Interval: 120, Incomplete: uint32(len(swarm))}
	reply := webtorrent.AppendAnnounceReply(nil, m.InfoHashText, &res)
	if m.Kind == webtorrent.KindAnswer {
		for _, other := range swarm {
			if other.peerID == m.ToPeerID {
				t.tell(other, webtorrent.KindAnswer, webtorrent.AppendAnswer(nil, &req.InfoHash, m.PeerIDText, m.OfferIDText, m.Answer))
			}
		}
		if !t.silent {
			t.tell(c, webtorrent.KindAnnounce, reply)
		}
		return
	}
	t.tell(c, webtorrent.KindAnnounce, reply)
	for i, o := range m.Offers[:min(len(m.Offers), len(swarm)-1)] {
		other := swarm[(at+1+i)%len(swarm)]
		t.tell(other, webtorrent.KindOffer, webtorrent.AppendOffer(nil, &req.InfoHash, m.PeerIDText, o.IDText, o.SDP))
	}
}

// tell sends a message, or what is made of it.
func (t *tracker) tell(c *client, kind webtorrent.Kind, message []byte) {
	all := [][]byte{message}
	if t.lie != nil {
		all = t.lie(kind, message)
	}
	for _, m := range all {
		b := serverFrame(true, opText, m)
		if t.parts {
			half := len(m) / 2
			b = append(serverFrame(false, opText, m[:half]), serverFrame(true, opPing, []byte("?"))...)
			b = append(b, serverFrame(true, opContinuation, m[half:])...)
		}
		select {
		case c.out <- b:
		default: // gone, or too slow
		}
	}
}

func serverFrame(final bool, opcode byte, payload []byte) []byte {
	if final {
		opcode |= 0x80
	}
	b := []byte{opcode}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

var errFrame = errors.New("no frame of a client")

func readClientFrame(r *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	n, more := uint64(head[1]&0x7f), 0
	switch {
	case head[0]&0xf0 != 0x80 || head[1]&0x80 == 0:
		return 0, nil, errFrame
	case n == 126:
		more = 2
	case n == 127:
		more = 8
	}
	if _, err := io.ReadFull(r, head[2:2+more+4]); err != nil {
		return 0, nil, err
	}
	switch more {
	case 2:
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 8:
		n = binary.BigEndian.Uint64(head[2:])
	}
	if n > 1<<20 {
		return 0, nil, errFrame
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	key := head[2+more:]
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return head[0] & 0xf, payload, nil
}
