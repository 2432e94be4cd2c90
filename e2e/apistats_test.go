//go:build linux

package e2e

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tally is what /stats says, by name. Ours are named as in "shoal.peers".
type tally map[string]int64

// readTally reads both forms, which must say the same.
func readTally(t *testing.T, m *manager) tally {
	t.Helper()
	for {
		counts := readJSON(t, m)
		text, err := m.do(http.MethodGet, "/stats?format=prometheus", nil)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(counts, readJSON(t, m)) {
			continue // something changed meanwhile
		}
		lines := 0
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n != counts[name] && !strings.Contains(name, "_avg_") {
				t.Errorf("as text %q, as JSON %s is %d", line, name, counts[name])
			}
			lines++
		}
		if lines < 25 {
			t.Errorf("only %d lines in %q", lines, text)
		}
		return counts
	}
}

func readJSON(t *testing.T, m *manager) tally {
	t.Helper()
	var fields map[string]json.RawMessage
	m.get(t, "/stats", &fields)
	counts := tally{}
	for name, value := range fields {
		var more map[string]int64
		var n int64
		var on bool
		switch {
		case json.Unmarshal(value, &n) == nil:
			counts[name] = n
		case json.Unmarshal(value, &on) == nil:
		case json.Unmarshal(value, &more) == nil:
			for ours, n := range more {
				counts[name+"."+ours] = n
			}
		default:
			t.Fatalf("%s is %s", name, value)
		}
	}
	for name := range counts { // what clocks say
		if strings.Contains(name, "_avg_") || strings.HasSuffix(name, "uptime_seconds") {
			delete(counts, name)
		}
	}
	return counts
}

// since is what differs from an earlier one.
func (c tally) since(before tally) tally {
	d := tally{}
	for name, n := range c {
		if n != before[name] {
			d[name] = n - before[name]
		}
	}
	return d
}

func (c tally) String() string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		lines = append(lines, fmt.Sprintf("%s %+d", name, c[name]))
	}
	return strings.Join(lines, ", ")
}

// stranger asks a tracker of which it knows a key for what is to be counted.
type stranger struct {
	t        *testing.T
	h        *host
	s        *shoal
	v6       bool
	n        int // of most kinds; of others a few more
	key      string
	good     [20]byte
	denied   [20]byte
	counted  tally
	sockets  []*socket
	families string // 4 or 6
}

// count says that requests must be counted under a name.
func (a *stranger) count(name string, n int) {
	a.counted[strings.ReplaceAll(name, "#", a.families)] += int64(n)
}

// must fails unless an announce is told this.
func (a *stranger) must(what string, err error, want string) {
	a.t.Helper()
	if reasonOf(err) != want || (err == nil) != (want == "") {
		a.t.Fatalf("%s: told %v, want %q", what, err, want)
	}
}

func (a *stranger) leecher(port int) visit {
	return visit{infoHash: a.good, peerID: randomID(), port: uint16(port), left: 1, key: a.key}
}

func (a *stranger) overUDP() {
	by := map[bool]transport{false: udp4, true: udp6}[a.v6]
	v, err := newVisitor(a.h, a.s.listener(by), true)
	if err != nil {
		a.t.Fatal(err)
	}
	defer v.conn.Close()
	v.conn.SetDeadline(time.Now().Add(time.Minute))
	connect := func() {
		reply, err := v.exchange(0x41727101980, 0, nil)
		if err != nil || len(reply) != 8 {
			a.t.Fatalf("connecting: % x, %v", reply, err)
		}
		v.connectionID, v.connected = binary.BigEndian.Uint64(reply), time.Now()
	}
	connects, announces, completed, refused, scrapes, silent := a.n, a.n+1, 2, a.n+2, a.n+3, a.n+4
	for range connects {
		connect()
	}
	for i := range announces {
		a.must("an announce over UDP", v.announce(a.leecher(1000+i)), "")
	}
	for i := range completed {
		q := a.leecher(1000 + i)
		q.left, q.event = 0, "completed"
		a.must("a completion over UDP", v.announce(q), "")
	}
	for i := range refused {
		q, want := a.leecher(1000), torrentDenied
		switch i % 3 {
		case 0:
			q.infoHash = a.denied
		case 1:
			q.key, want = newKeys(1)[0], keyUnknown
		case 2:
			q.key, want = "", keyMissing
		}
		a.must("an announce over UDP", v.announce(q), want)
	}
	for range scrapes {
		if _, err := v.exchange(v.connectionID, 2, a.good[:]); err != nil {
			a.t.Fatal(err)
		}
	}
	for i := range silent {
		packet := [][]byte{
			[]byte("short"), // no request
			append(binary.BigEndian.AppendUint64(nil, v.connectionID+1), make([]byte, 90)...),       // another's connection ID
			append(make([]byte, 8), 0, 0, 0, 3, 0, 0, 0, 7, 'n', 'o'),                               // an error, as trackers send it
			append(binary.BigEndian.AppendUint64(nil, 0x41727101980), 0, 0, 0, 2, 0, 0, 0, 1, 1, 1), // a scrape that did not connect
		}[i%4]
		if _, err := v.conn.Write(packet); err != nil {
			a.t.Fatal(err)
		}
	}
	connect() // what is sent in order is read in order
	connects++
	a.count("udp#_connections_handled", connects)
	a.count("udp#_announces_handled", announces+completed)
	a.count("udp#_scrapes_handled", scrapes)
	a.count("udp#_errors_handled", refused)
	a.count("udp#_responses", connects+announces+completed+refused+scrapes)
	a.count("udp#_requests", connects+announces+completed+refused+scrapes+silent)
	a.count("udp_requests_discarded", silent)
	for _, name := range []string{"completed", "completed_in_session", "completed_persisted"} {
		a.count(name, completed)
	}
	a.count("leechers", announces-completed)
	a.count("seeders", completed)
	a.count("shoal.peers", announces)
	a.count("shoal.peers_ipv#", announces)
}

func (a *stranger) overHTTP() {
	by := map[bool]transport{false: http4, true: http6}[a.v6]
	v, err := newVisitor(a.h, a.s.listener(by), false)
	if err != nil {
		a.t.Fatal(err)
	}
	defer v.conn.Close()
	announces, refused, scrapes, lost := a.n+5, a.n+6, a.n+7, a.n+8
	for i := range announces {
		a.must("an announce over HTTP", v.announce(a.leecher(2000+i)), "")
	}
	a.must("a seeder that leaves over HTTP", v.announce(visit{infoHash: a.good, port: 2000, key: a.key, event: "stopped"}), "")
	for i := range refused {
		q, want := a.leecher(2000), torrentDenied
		switch i % 3 {
		case 0:
			q.infoHash = a.denied
		case 1:
			q.key, want = newKeys(1)[0], keyUnknown
		case 2:
			q.key, want = "", keyMissing
		}
		a.must("an announce over HTTP", v.announce(q), want)
	}
	tracker := a.s.listener(by)
	for range scrapes {
		if _, err := scrapePath(a.h, tracker, "/scrape/"+a.key, a.good); err != nil {
			a.t.Fatal(err)
		}
	}
	for i := range lost {
		switch i % 3 {
		case 0:
			_, err = scrapePath(a.h, tracker, "/scrape", a.good)
			a.must("a scrape without a key", err, keyMissing)
		case 1:
			if _, err := getHTTP(a.h, tracker, "/nowhere"); err == nil {
				a.t.Fatal("there is something at /nowhere")
			}
		case 2:
			if _, err := getHTTP(a.h, tracker, "/announce/"+a.key+"?info_hash=short"); err == nil {
				a.t.Fatal("an announce without anything is taken")
			}
		}
	}
	a.count("tcp#_announces_handled", announces+1)
	a.count("tcp#_scrapes_handled", scrapes)
	a.count("tcp#_connections_handled", announces+1+scrapes)
	a.count("shoal.tcp#_errors_handled", refused+lost)
	a.count("leechers", announces-1)
	a.count("shoal.peers", announces-1)
	a.count("shoal.peers_ipv#", announces-1)
}

func (a *stranger) overWS() {
	by := map[bool]transport{false: ws4, true: ws6}[a.v6]
	announces, refused, scrapes := a.n+9, a.n+10, a.n+11
	for range announces {
		b, err := openSocketAt(a.h, a.s.listener(by), "/announce/"+a.key, nil)
		if err != nil {
			a.t.Fatal(err)
		}
		b.conn.SetDeadline(time.Now().Add(time.Minute))
		a.sockets = append(a.sockets, b)
		if _, err := b.announce(leecherOf(a.good, randomID())); err != nil {
			a.t.Fatal(err)
		}
	}
	b := a.sockets[0]
	for i := range refused {
		if i%2 == 0 {
			_, err := b.announce(leecherOf(a.denied, randomID()))
			a.must("an announce over WebSocket", err, torrentDenied)
			continue
		}
		// On many sockets: one that is told this too often is closed.
		if m, err := a.sockets[i%announces].ask(map[string]any{"action": "announce", "info_hash": "short"}); err != nil || m.Failure == "" {
			a.t.Fatalf("an announce of nothing is answered with %+v, %v", m, err)
		}
	}
	for range scrapes {
		if _, err := b.scrape(a.good); err != nil {
			a.t.Fatal(err)
		}
	}
	conn, err := a.h.dial(a.t.Context(), "tcp", a.s.listener(by).String())
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(wireTimeout))
	var status *statusError
	if _, err := upgrade(conn, "/announce/"+a.key, "Sec-WebSocket-Version: 12\r\n"); !errors.As(err, &status) || status.status != http.StatusUpgradeRequired {
		a.t.Fatalf("an upgrade with two versions: %v", err)
	}
	a.count("shoal.tcp#_errors_handled", 1)
	a.count("shoal.ws#_connections_handled", announces)
	a.count("shoal.ws#_announces_handled", announces)
	a.count("shoal.ws#_scrapes_handled", scrapes)
	a.count("shoal.ws#_errors_handled", refused)
	a.count("shoal.ws_connections", announces)
	a.count("shoal.tcp_connections", announces)
	a.count("shoal.peers_webtorrent", announces)
	a.count("shoal.peers", announces)
	a.count("leechers", announces)
}

// TestStatisticsAreExact makes known numbers of requests of every kind, over every
// transport and both families, those that are refused among them, and has /stats
// say exactly these.
func TestStatisticsAreExact(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	h, asker := net.host(t, "shoal"), net.host(t, "asker")
	s := newShoal(t, h, "[access]\nprivate = true\n"+apiSettings(h, ""), "")
	s.start(t)
	m := newManager(t, asker, s, adminToken)
	key, good, denied := newKeys(1)[0], randomID(), randomID()
	for _, path := range []string{"/key/" + key, fmt.Sprintf("/deny/%x", denied)} {
		if _, err := m.do(http.MethodPut, path, nil); err != nil {
			t.Fatal(err)
		}
	}
	var before tally
	settled := func() error {
		if now := readTally(t, m); now["shoal.tcp_connections"] != now["shoal.ws_connections"] {
			return fmt.Errorf("%d connections are still open", now["shoal.tcp_connections"])
		}
		return nil
	}
	await(t, 10*time.Second, settled, s.proc) // those that looked whether it is there
	before = readTally(t, m)

	want := tally{"torrents": 1}
	var strangers []*stranger
	for _, a := range []*stranger{{n: 3, families: "4"}, {n: 20, families: "6", v6: true}} {
		a.t, a.h, a.s, a.key, a.good, a.denied, a.counted = t, asker, s, key, good, denied, want
		a.overUDP()
		a.overHTTP()
		a.overWS()
		strangers = append(strangers, a)
	}
	await(t, 10*time.Second, settled, s.proc)
	if got := readTally(t, m).since(before); !maps.Equal(got, want) {
		t.Errorf("/stats counted\n%v\nwant\n%v\nwhat differs: %v", got, want, got.since(want))
	}
	t.Logf("counted: %v", want)

	for _, a := range strangers {
		for _, b := range a.sockets {
			b.conn.Close()
		}
		for _, name := range []string{"shoal.ws_connections", "shoal.tcp_connections", "shoal.peers_webtorrent"} {
			want["leechers"] -= map[bool]int64{true: int64(len(a.sockets))}[name == "shoal.peers_webtorrent"]
			want["shoal.peers"] -= map[bool]int64{true: int64(len(a.sockets))}[name == "shoal.peers_webtorrent"]
			delete(want, name)
		}
	}
	await(t, 10*time.Second, func() error {
		if got := readTally(t, m).since(before); !maps.Equal(got, want) {
			return fmt.Errorf("once the browsers are gone /stats counts\n%v, want\n%v\nwhat differs: %v", got, want, got.since(want))
		}
		return nil
	}, s.proc)
	// One more, and it is seen.
	if _, err := scrapeUDP(asker, s.listener(udp6), good); err != nil {
		t.Fatal(err)
	}
	if got := readTally(t, m).since(before).since(want); got["udp6_scrapes_handled"] != 1 || got["udp6_requests"] != 2 {
		t.Errorf("one scrape more is counted as %v", got)
	}
	s.stop(t)
}
