//go:build linux

package app

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal/httptracker"
)

// clientHello returns what a client says first.
func clientHello(c *tls.Config) []byte {
	near, far := net.Pipe()
	defer far.Close()
	go tls.Client(near, c).Handshake() // fails when far is closed
	head := make([]byte, 5)
	if _, err := io.ReadFull(far, head); err != nil {
		panic(err)
	}
	body := make([]byte, int(head[3])<<8|int(head[4]))
	if _, err := io.ReadFull(far, body); err != nil {
		panic(err)
	}
	return append(head, body...)
}

// honestClient announces in every way: over new connections and over kept
// ones, plain and by TLS.
type honestClient struct {
	victim           *victim
	plain, secure    *kept
	request, closing []byte
	answered         int
}

// kept is a connection that is used again.
type kept struct {
	net.Conn
	reader *bufio.Reader
}

func announceRequest(torrent byte, fields string) []byte {
	return fmt.Appendf(nil, "GET /announce?%s HTTP/1.1\r\nHost: tracker.example\r\n%s\r\n",
		httptracker.AppendAnnounceQuery(nil, asker(torrent)), fields)
}

func (v *victim) newClient(t *testing.T) *honestClient {
	t.Helper()
	g := &honestClient{victim: v, request: announceRequest(1, ""), closing: announceRequest(1, "Connection: close\r\n")}
	// They speak at once: the tracker does not wait for long.
	g.plain = g.dial(t, false)
	g.ask(t, "over a kept connection", g.plain, g.request)
	g.secure = g.dial(t, true)
	g.ask(t, "over a kept TLS connection", g.secure, g.request)
	return g
}

func (g *honestClient) dial(t *testing.T, secure bool) *kept {
	t.Helper()
	c, err := g.victim.dial(honest)
	if err != nil {
		t.Fatalf("an honest client cannot connect: %v", err)
	}
	k := &kept{Conn: c}
	if secure {
		k.Conn = tls.Client(c, g.victim.client)
	}
	k.reader = bufio.NewReader(k.Conn)
	return k
}

// announce expects four answers.
func (g *honestClient) announce(t *testing.T) {
	t.Helper()
	for what, secure := range map[string]bool{"over a new connection": false, "over a new TLS connection": true} {
		c := g.dial(t, secure)
		g.ask(t, what, c, g.closing)
		c.Close()
	}
	g.ask(t, "over a kept connection", g.plain, g.request)
	g.ask(t, "over a kept TLS connection", g.secure, g.request)
}

func (g *honestClient) ask(t *testing.T, how string, c *kept, request []byte) {
	t.Helper()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(request); err != nil {
		t.Fatalf("an honest client announces %s: %v", how, err)
	}
	res, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		t.Fatalf("an honest client waits for its answer %s: %v", how, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("8:intervali")) {
		t.Fatalf("an honest client is answered %s: %d %q, %v", how, res.StatusCode, body, err)
	}
	g.answered++
}

func (g *honestClient) close() {
	g.plain.Close()
	g.secure.Close()
}
