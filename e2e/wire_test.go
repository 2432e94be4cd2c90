//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// The tracker protocols once more, from the client's side and as little of
// them as will do, so that no mistake of the product can hide in both.

// wireTimeout bounds one exchange with a tracker.
const wireTimeout = 5 * time.Second

// swarmCounts is what a scrape says of a torrent.
type swarmCounts struct{ complete, downloaded, incomplete int64 }

// answer is what an announce is answered with.
type answer struct {
	interval, complete, incomplete int64
	peers                          []netip.AddrPort
}

// question is what an announce says.
type question struct {
	infoHash [20]byte
	peerID   [20]byte
	left     uint64
	port     uint16
	started  bool
}

// getHTTP asks an HTTP tracker, path and query given, and decodes the answer.
func getHTTP(h *host, tracker netip.AddrPort, target string) (map[string]any, error) {
	return getURL(h.httpClient(), "http://"+tracker.String()+target, nil)
}

// getURL asks with more headers than an ordinary client has.
func getURL(c *http.Client, url string, header http.Header) (map[string]any, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	for key, values := range header {
		req.Header[key] = values
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return readHTTP(res)
}

// readHTTP decodes what an HTTP tracker answers.
func readHTTP(res *http.Response) (map[string]any, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d: %q", res.StatusCode, body)
	}
	value, rest, err := bdecode(body)
	if err != nil {
		return nil, fmt.Errorf("decoding %q: %w", body, err)
	}
	dict, ok := value.(map[string]any)
	if !ok || len(rest) != 0 {
		return nil, fmt.Errorf("%q is not one dictionary", body)
	}
	if reason, failed := dict["failure reason"]; failed {
		return nil, &refusal{fmt.Sprint(reason)}
	}
	return dict, nil
}

// refusal is a failure reason.
type refusal struct{ reason string }

func (r *refusal) Error() string { return "the tracker refuses: " + r.reason }

// target is the path and the query of an announce over HTTP.
func (q question) target() string {
	// QueryEscape writes a space as '+', as does Python's urlencode, with which
	// trackers are watched. They take it for a plus, which does no harm where
	// nobody else knows the torrent.
	target := fmt.Sprintf("/announce?info_hash=%s&peer_id=%s&port=%d&uploaded=0&downloaded=0&left=%d&compact=1",
		url.QueryEscape(string(q.infoHash[:])), url.QueryEscape(string(q.peerID[:])), q.port, q.left)
	if q.started {
		target += "&event=started"
	}
	return target
}

// announceHTTP adds extra, which begins with '&', to the query.
func announceHTTP(h *host, tracker netip.AddrPort, q question, extra string) (answer, error) {
	dict, err := getHTTP(h, tracker, q.target()+extra)
	if err != nil {
		return answer{}, err
	}
	return readAnnounce(dict)
}

// readAnnounce takes an answer apart.
func readAnnounce(dict map[string]any) (answer, error) {
	var a answer
	for key, number := range map[string]*int64{"interval": &a.interval, "complete": &a.complete, "incomplete": &a.incomplete} {
		value, ok := dict[key].(int64)
		if !ok {
			return answer{}, fmt.Errorf("%s is %v in %v, want an integer", key, dict[key], dict)
		}
		*number = value
	}
	_, four := dict["peers"].(string)
	_, six := dict["peers6"].(string)
	if !four && !six {
		return answer{}, fmt.Errorf("neither peers nor peers6 in %v", dict)
	}
	for key, size := range map[string]int{"peers": 6, "peers6": 18} {
		text, _ := dict[key].(string)
		peers, err := compactPeers([]byte(text), size)
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", key, err)
		}
		a.peers = append(a.peers, peers...)
	}
	return a, nil
}

func scrapeHTTP(h *host, tracker netip.AddrPort, infoHash [20]byte) (swarmCounts, error) {
	return scrapePath(h, tracker, "/scrape", infoHash)
}

func scrapePath(h *host, tracker netip.AddrPort, path string, infoHash [20]byte) (swarmCounts, error) {
	target := path + "?info_hash="
	for _, b := range infoHash {
		target += fmt.Sprintf("%%%02x", b)
	}
	dict, err := getHTTP(h, tracker, target)
	if err != nil {
		return swarmCounts{}, err
	}
	files, ok := dict["files"].(map[string]any)
	if !ok {
		return swarmCounts{}, fmt.Errorf("no files in %v", dict)
	}
	file, _ := files[string(infoHash[:])].(map[string]any)
	complete, _ := file["complete"].(int64)
	downloaded, _ := file["downloaded"].(int64)
	incomplete, _ := file["incomplete"].(int64)
	return swarmCounts{complete, downloaded, incomplete}, nil
}

// askUDP connects to a UDP tracker, sends the request that ask makes of the
// connection ID and the transaction ID, and returns the answer behind its
// action and transaction ID.
func askUDP(h *host, tracker netip.AddrPort, action uint32, ask func(head []byte) []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wireTimeout)
	defer cancel()
	conn, err := h.dial(ctx, "udp", tracker.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(wireTimeout)); err != nil {
		return nil, err
	}
	exchange := func(connectionID uint64, action uint32, ask func(head []byte) []byte) ([]byte, error) {
		transaction := make([]byte, 4)
		rand.Read(transaction)
		head := binary.BigEndian.AppendUint64(nil, connectionID)
		head = binary.BigEndian.AppendUint32(head, action)
		if _, err := conn.Write(ask(append(head, transaction...))); err != nil {
			return nil, err
		}
		reply := make([]byte, 2048)
		n, err := conn.Read(reply)
		if err != nil {
			return nil, err
		}
		reply = reply[:n]
		switch {
		case n < 8 || !bytes.Equal(reply[4:8], transaction):
			return nil, fmt.Errorf("% x does not answer transaction % x", reply, transaction)
		case binary.BigEndian.Uint32(reply) != action:
			return nil, fmt.Errorf("action %d was answered with %d %q", action, binary.BigEndian.Uint32(reply), reply[8:])
		}
		return reply[8:], nil
	}
	connected, err := exchange(0x41727101980, 0, func(head []byte) []byte { return head })
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if len(connected) != 8 {
		return nil, fmt.Errorf("connection ID of %d bytes", len(connected))
	}
	return exchange(binary.BigEndian.Uint64(connected), action, ask)
}

func announceUDP(h *host, tracker netip.AddrPort, q question) (answer, error) {
	reply, err := askUDP(h, tracker, 1, func(p []byte) []byte {
		p = append(p, q.infoHash[:]...)
		p = append(p, q.peerID[:]...)
		p = binary.BigEndian.AppendUint64(p, 0) // downloaded
		p = binary.BigEndian.AppendUint64(p, q.left)
		p = binary.BigEndian.AppendUint64(p, 0) // uploaded
		event := uint32(0)
		if q.started {
			event = 2
		}
		p = binary.BigEndian.AppendUint32(p, event)
		p = binary.BigEndian.AppendUint32(p, 0)          // address
		p = binary.BigEndian.AppendUint32(p, 7)          // key
		p = binary.BigEndian.AppendUint32(p, 0xffffffff) // as many peers as it likes
		return binary.BigEndian.AppendUint16(p, q.port)
	})
	if err != nil {
		return answer{}, err
	}
	if len(reply) < 12 {
		return answer{}, fmt.Errorf("short announce reply % x", reply)
	}
	a := answer{
		interval:   int64(binary.BigEndian.Uint32(reply)),
		incomplete: int64(binary.BigEndian.Uint32(reply[4:])),
		complete:   int64(binary.BigEndian.Uint32(reply[8:])),
	}
	size := 6
	if tracker.Addr().Is6() {
		size = 18
	}
	a.peers, err = compactPeers(reply[12:], size)
	return a, err
}

func scrapeUDP(h *host, tracker netip.AddrPort, infoHash [20]byte) (swarmCounts, error) {
	reply, err := askUDP(h, tracker, 2, func(p []byte) []byte { return append(p, infoHash[:]...) })
	if err != nil {
		return swarmCounts{}, err
	}
	if len(reply) != 12 {
		return swarmCounts{}, fmt.Errorf("scrape reply % x is not of one torrent", reply)
	}
	return swarmCounts{
		complete:   int64(binary.BigEndian.Uint32(reply)),
		downloaded: int64(binary.BigEndian.Uint32(reply[4:])),
		incomplete: int64(binary.BigEndian.Uint32(reply[8:])),
	}, nil
}

// compactPeers decodes peers of size bytes each, an address and a port.
func compactPeers(b []byte, size int) ([]netip.AddrPort, error) {
	if len(b)%size != 0 {
		return nil, fmt.Errorf("%d bytes are no peers of %d bytes", len(b), size)
	}
	var peers []netip.AddrPort
	for ; len(b) > 0; b = b[size:] {
		addr, _ := netip.AddrFromSlice(b[:size-2])
		peers = append(peers, netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[size-2:])))
	}
	return peers, nil
}

var errBencode = errors.New("malformed bencoding")

// bdecode decodes the value that b begins with, into an int64, a string, a
// slice or a map, and returns the rest. Keys must be in order and occur once.
func bdecode(b []byte) (value any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	switch b[0] {
	case 'i':
		digits, rest, found := bytes.Cut(b[1:], []byte{'e'})
		n, err := strconv.ParseInt(string(digits), 10, 64)
		if !found || err != nil || strconv.FormatInt(n, 10) != string(digits) {
			return nil, nil, errBencode
		}
		return n, rest, nil
	case 'l':
		list := []any{}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; list = append(list, value) {
			if value, b, err = bdecode(b); err != nil {
				return nil, nil, err
			}
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return list, b[1:], nil
	case 'd':
		dict, last := map[string]any{}, ""
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			var key any
			if key, b, err = bdecode(b); err != nil {
				return nil, nil, err
			}
			name, ok := key.(string)
			if !ok || len(dict) > 0 && name <= last {
				return nil, nil, errBencode
			}
			if dict[name], b, err = bdecode(b); err != nil {
				return nil, nil, err
			}
			last = name
		}
		if len(b) == 0 {
			return nil, nil, errBencode
		}
		return dict, b[1:], nil
	default:
		length, rest, found := bytes.Cut(b, []byte{':'})
		n, err := strconv.Atoi(string(length))
		if !found || err != nil || n < 0 || n > len(rest) || strconv.Itoa(n) != string(length) {
			return nil, nil, errBencode
		}
		return string(rest[:n]), rest[n:], nil
	}
}
