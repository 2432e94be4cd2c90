package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/shoal-tracker/shoal/udptracker"
)

// lies are announce replies over UDP, from the interval on, and over HTTP.
var lies = []struct {
	wrong string
	udp   []byte
	http  string
}{
	{"length", []byte("\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x01\x7f"), "d8:completei1e8:intervali9e5:peers1:\x7fe"},
	{"foreign_peer", []byte("\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x01\x01\x02\x03\x04\x1a\xe1"), "d8:completei1e8:intervali9e5:peers6:\x01\x02\x03\x04\x1a\xe1e"},
	{"counts", []byte("\x00\x00\x07\x08\x00\x00\x00\x01\x00\x00\x00\x00\x7f\x40\x00\x01\x04\x00\x7f\x40\x00\x02\x04\x00"), "d8:completei1e8:intervali9e5:peers12:\x7f\x40\x00\x01\x04\x00\x7f\x40\x00\x02\x04\x00e"},
	{"interval", []byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01"), "d8:completei1e8:intervali2147483648e5:peers0:e"},
	{"counts", []byte("\x00\x00\x07\x08\xff\xff\xff\xff\x00\x00\x00\x00"), "d8:completei4294967295e8:intervali9e5:peers0:e"},
	{"counts", []byte("\x00\x00\x07\x08\x00\x00\x00\x00\x00\x00\x00\x00\x7f\x40\x00\x01\x04\x00"), "d8:completei0e8:intervali9e5:peers6:\x7f\x40\x00\x01\x04\x00e"},
}

// TestLiars: a tracker that answers wrong fails the run, and what is wrong is
// told.
func TestLiars(t *testing.T) {
	for _, lie := range lies {
		for transport, args := range map[string][]string{
			"udp":   {"udp", "--target", lieUDP(t, lie.udp)},
			"http":  {"http", "--target", lieHTTP(t, nil, lie.http)},
			"https": {"http", "--target", lieHTTP(t, testTLS(t), lie.http), "--tls", "--insecure"},
		} {
			t.Run(transport+" "+lie.wrong, func(t *testing.T) {
				s, code := load(t, append(args, "--requests", "40", "--connections", "10")...)
				if code != exitFailed || s.WrongBy[lie.wrong] != 40 || s.Wrong != 40 || s.Examples[lie.wrong] == "" {
					t.Errorf("exit code %d, wrong %v, examples %v", code, s.WrongBy, s.Examples)
				}
			})
		}
	}
}

// TestScrapeLiars: so does one that answers scrapes of five torrents with fewer
// or more over UDP, or with one that was not asked for over HTTP.
func TestScrapeLiars(t *testing.T) {
	for _, lie := range []struct{ name, transport, target, wrong string }{
		{"four of five", "udp", lieUDP(t, make([]byte, 4*udptracker.CountsSize)), "length"},
		{"six of five", "udp", lieUDP(t, make([]byte, 6*udptracker.CountsSize)), "length"},
		{"-1 each", "udp", lieUDP(t, bytes.Repeat([]byte{0xff}, 5*udptracker.CountsSize)), "counts"},
		{"another", "http", lieHTTP(t, nil, "d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei1eeee"), "bencode"},
	} {
		t.Run(lie.name, func(t *testing.T) {
			s, code := load(t, lie.transport, "--target", lie.target, "--requests", "40", "--connections", "10", "--scrape", "100")
			if code != exitFailed || s.WrongBy[lie.wrong] != 40 || s.Wrong != 40 {
				t.Errorf("exit code %d, wrong %v", code, s.WrongBy)
			}
		})
	}
}

// TestRefusals: errors of the tracker fail the run too.
func TestRefusals(t *testing.T) {
	const no = "d14:failure reason2:noe"
	for transport, args := range map[string][]string{
		"udp":   {"udp", "--target", lieUDP(t, nil)},
		"http":  {"http", "--target", lieHTTP(t, nil, no)},
		"https": {"http", "--target", "https://" + lieHTTP(t, testTLS(t), no), "--insecure", "--resume"},
	} {
		s, code := load(t, append(args, "--requests", "40", "--connections", "10")...)
		if code != exitFailed || s.Errors == 0 || s.Texts["no"] != s.Errors || s.Wrong != 0 {
			t.Errorf("%s: exit code %d, %+v", transport, code, s)
		}
	}
}

// lieUDP answers every announce with the same bytes, or with an error.
func lieUDP(t *testing.T, lie []byte) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 2048)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			h, _ := udptracker.ParseHeader(b[:n])
			reply := udptracker.AppendConnectReply(nil, h.Transaction, 7)
			switch {
			case h.Action == udptracker.ActionConnect:
			case lie == nil:
				reply = udptracker.AppendError(nil, h.Transaction, "no")
			default:
				reply = binary.BigEndian.AppendUint32(nil, h.Action)
				reply = append(binary.BigEndian.AppendUint32(reply, h.Transaction), lie...)
			}
			if _, err := c.WriteTo(reply, from); err != nil {
				return
			}
		}
	}()
	return c.LocalAddr().String()
}

// lieHTTP answers every request with the same body, over TLS where there is a
// config.
func lieHTTP(t *testing.T, secure *tls.Config, body string) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				}
			}()
		}
	}()
	return l.Addr().String()
}
