package wsserver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

func TestUpgrade(t *testing.T) {
	refusal := func(status string, f shoal.Failure) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, len(f.Error()), f.Error())
	}
	var (
		accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + sampleAccept + "\r\n\r\n"
		invalid  = refusal("400 Bad Request", shoal.UpgradeInvalid)
		version  = refusal("426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13", shoal.UpgradeVersion)
		denied   = refusal("403 Forbidden", shoal.OriginDenied)
	)
	pages := []string{"https://example.org", "HTTP://Other.example:8080"}
	tests := []struct {
		name    string
		origins []string
		header  []string
		want    string
	}{
		{"plain", nil, []string{sampleKey, version13}, accepted},
		{"extensions and subprotocols are not taken", nil, []string{sampleKey, version13,
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "Sec-WebSocket-Protocol: chat"}, accepted},
		{"any origin", nil, []string{sampleKey, version13, "Origin: https://anywhere.example"}, accepted},
		{"no version", nil, []string{sampleKey}, version},
		{"old version", nil, []string{sampleKey, "Sec-WebSocket-Version: 8"}, version},
		{"list of versions", nil, []string{sampleKey, "Sec-WebSocket-Version: 13, 8"}, version},
		{"no key", nil, []string{version13}, invalid},
		{"empty key", nil, []string{version13, "Sec-WebSocket-Key: "}, invalid},
		{"key of 15 bytes", nil, []string{version13, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"}, invalid},
		{"key of 17 bytes", nil, []string{version13, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="}, invalid},
		{"key of 18 bytes", nil, []string{version13, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"}, invalid},
		{"key of other characters", nil, []string{version13, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ-=="}, invalid},
		{"key with a line in it", nil, []string{version13, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ\n=="}, invalid},
		{"allowed origin", pages, []string{sampleKey, version13, "Origin: https://example.org"}, accepted},
		{"allowed origin in other letters", pages, []string{sampleKey, version13, "Origin: HTTPS://EXAMPLE.org"}, accepted},
		{"listed in other letters", pages, []string{sampleKey, version13, "Origin: http://other.example:8080"}, accepted},
		{"other origin", pages, []string{sampleKey, version13, "Origin: https://example.com"}, denied},
		{"origin with an allowed one in it", pages, []string{sampleKey, version13, "Origin: https://example.org.evil.example"}, denied},
		{"origin that ends as an allowed one", pages, []string{sampleKey, version13, "Origin: evilhttps://example.org"}, denied},
		{"no origin", pages, []string{sampleKey, version13}, denied},
		{"no origin where that is allowed", append([]string{""}, pages...), []string{sampleKey, version13}, accepted},
		{"other origin where none is allowed", []string{""}, []string{sampleKey, version13, "Origin: https://example.org"}, denied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.AllowOrigins = tt.origins })
			reply, next := w.server.Upgrade(nil, netip.MustParseAddr("203.0.113.9"), []byte("/any?where"), headers(tt.header...), []byte("before "))
			got, ok := strings.CutPrefix(string(reply), "before ")
			if !ok || got != tt.want {
				t.Errorf("got %q, want %q", reply, tt.want)
			}
			if taken := next != nil; taken != (tt.want == accepted) {
				t.Errorf("upgraded: %v", taken)
			}
			want := Family{NotUpgraded: 1}
			if tt.want == accepted {
				want = Family{}
			}
			if got := w.server.Counters().V4; got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
		})
	}
}

func TestConfigureOrigins(t *testing.T) {
	w := newWorld(t)
	v := w.visit()
	c := DefaultConfig()
	c.AllowOrigins = []string{"https://example.org"}
	w.server.Configure(c)
	if _, next := w.server.Upgrade(nil, netip.Addr{}, nil, headers(sampleKey, version13, "Origin: https://other.example"), nil); next != nil {
		t.Error("a page was let in that is not allowed any more")
	}
	v.say(announce('h', 'a', ""))
	v.hears("h: 0/1")
	w.leave()
}
