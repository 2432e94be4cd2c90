//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a tracker says to those that it does not let in. These texts are what
// users search for: they stay.
const (
	keyMissing      = "this tracker is private: its announce URL must have your key"
	keyInvalid      = "key must have 16 to 64 characters: letters, digits and - . _ ~"
	keyUnknown      = "this key is not known to this tracker"
	keyExpired      = "this key has expired"
	torrentDenied   = "this torrent is not allowed on this tracker"
	torrentUnlisted = "this torrent is not registered with this tracker"
)

// retries is what BEP 31 adds over HTTP and WebSocket.
var retries = map[string]string{
	keyMissing: "never", keyInvalid: "never",
	keyUnknown: "60", keyExpired: "60", torrentDenied: "60", torrentUnlisted: "60",
}

// mode is whom a tracker serves.
type mode struct {
	name            string
	private, listed bool
}

var modes = []mode{
	{"open", false, false},
	{"listed", false, true},
	{"private", true, false},
	{"both", true, true},
}

// presented is a key that a client has, and what a private tracker says to it.
type presented struct {
	name, key, told string
}

// asked is a torrent, and what the tracker knows of it.
type asked struct {
	name           string
	infoHash       [20]byte
	listed, denied bool
}

// told is what a client must be told; "": it is let in.
func (m mode) told(k presented, a asked) string {
	switch {
	case a.denied:
		return torrentDenied
	case m.private && k.told != "":
		return k.told
	case m.listed && !a.listed:
		return torrentUnlisted
	}
	return ""
}

// seen reports whether a scrape shows counts; told is what it is told instead.
func (m mode) seen(k presented, a asked, by transport) (counts bool, told string) {
	if m.private && by.scheme == "udp" {
		return false, "" // there is no room for a key
	}
	if m.private && k.told != "" {
		return false, k.told
	}
	return !a.denied && (a.listed || !m.listed), ""
}

// keyedURLs are announce URLs with a key in every place where it may stand.
func keyedURLs(s *shoal, by transport, key string) []string {
	base := fmt.Sprintf("%s://%s", by.scheme, s.listener(by))
	if key == "" {
		return []string{base + "/announce"}
	}
	urls := []string{base + "/announce/" + key, base + "/" + key + "/announce", base + "/announce?passkey=" + key}
	if by.web() && len(key) >= 16 {
		urls = append(urls, base+"/"+key)
	}
	return urls
}

// TestModes asks trackers of all four modes over every transport, with every
// kind of key and for every kind of torrent, by Shoal's own commands.
func TestModes(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.run(t)
		})
	}
}

func (m mode) run(t *testing.T) {
	net := newNetwork(t)
	asker := net.host(t, "asker")
	torrents := []asked{
		{name: "listed in the file", listed: true},
		{name: "listed in the database", listed: true},
		{name: "not listed"},
		{name: "listed, denied in the file", listed: true, denied: true},
		{name: "listed, denied in the database", listed: true, denied: true},
	}
	for i := range torrents {
		torrents[i].infoHash = randomID()
	}
	hash := func(i int) string { return fmt.Sprintf("%x", torrents[i].infoHash) }
	drawn := newKeys(4)
	keys := []presented{
		{"no key", "", keyMissing},
		{"half a key", "0123456789abcde", keyInvalid},
		{"unknown key", drawn[0], keyUnknown},
		{"expired key", drawn[1], keyExpired},
		{"permanent key", drawn[2], ""},
		{"imported key", "an-old_pass~key.", ""},
		{"key that will expire", drawn[3], ""},
	}
	files := t.TempDir()
	put(t, filepath.Join(files, "allow"), []byte("\ufeff# what we have\r\n\n"+hash(0)+" # by itself\r\n"+strings.ToUpper(hash(3))+"\n"+hash(4)))
	put(t, filepath.Join(files, "deny"), []byte(hash(3)+"000000000000000000000000\n")) // of version 2
	access := fmt.Sprintf("[access]\nprivate = %t\nlisted = %t\nallow_file = %q\ndeny_file = %q\n",
		m.private, m.listed, filepath.Join(files, "allow"), filepath.Join(files, "deny"))
	s := newShoal(t, net.host(t, "shoal"), access, "")
	s.offline(t, "key", "add", keys[3].key, "--seconds", "1")
	s.offline(t, "key", "add", keys[4].key, "--label", "for ever")
	s.offline(t, "key", "add", keys[5].key)
	s.offline(t, "key", "add", keys[6].key, "--seconds", "3600")
	s.offline(t, "whitelist", "add", hash(1))
	s.offline(t, "deny", "add", hash(4), "--reason", "a notice")
	time.Sleep(2 * time.Second) // the first key expires
	s.start(t)

	// Browsers stay where they are only as long as they are connected.
	var browsers []*socket
	for _, a := range torrents {
		b, err := openSocketAt(asker, s.listener(ws4), "/announce/"+keys[4].key, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer b.conn.Close()
		browsers = append(browsers, b)
		_, err = b.announce(leecherOf(a.infoHash, randomID()))
		if want := m.told(keys[4], a); reasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("a browser that announces a torrent that is %s is told %v, want %q", a.name, err, want)
		}
	}
	if len(browsers) != len(torrents) {
		t.Fatal("not all browsers are there")
	}

	transports := []transport{udp4, http4, ws4}
	table := map[[2]string][]string{} // key and torrent: what each transport says
	for _, by := range transports {
		told := map[string]int{}
		for _, k := range keys {
			for i, url := range keyedURLs(s, by, k.key) {
				for j, a := range torrents {
					if i != 0 && j%2 != 0 {
						continue // once is enough
					}
					got := m.announce(t, asker, by, url, k, a)
					told[got]++
					if i == 0 {
						row := [2]string{k.name, a.name}
						table[row] = append(table[row], orElse(got, "let in"))
					}
				}
			}
		}
		admitted := told[""]
		delete(told, "")
		t.Logf("%s by %s: %d announces let in; refused: %v", m.name, by.scheme, admitted, told)
		for _, k := range keys {
			for i, url := range keyedURLs(s, by, k.key) {
				if i == 0 && k.told == keyInvalid && by.scheme == "http" {
					continue // what is too short for a key may be anything: the command asks for no scrape there
				}
				for j, a := range torrents {
					if i > 1 && j%2 != 0 {
						continue
					}
					m.scrape(t, asker, by, url, k, a)
				}
			}
		}
	}
	for _, k := range keys {
		for _, a := range torrents {
			said := table[[2]string{k.name, a.name}]
			if len(said) != len(transports) || len(slices.Compact(said)) != 1 {
				t.Errorf("%s, %s, torrent %s: not all transports say the same: %q", m.name, k.name, a.name, said)
			}
			t.Logf("| %s | %s | %s | %s |", m.name, k.name, a.name, said[0])
		}
	}
	var secrets []string
	for _, k := range keys[1:] {
		secrets = append(secrets, k.key)
	}
	s.keepsSecret(t, secrets...)
	s.stop(t)
}

// reasonOf is what the tracker says in an error; "" if it says nothing.
func reasonOf(err error) string {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.reason
	}
	return ""
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// announce runs Shoal's command, and returns what it was told.
func (m mode) announce(t *testing.T, asker *host, by transport, url string, k presented, a asked) string {
	t.Helper()
	r := asker.run(t, nil, shoalBinary, "announce", url, fmt.Sprintf("%x", a.infoHash))
	want := m.told(k, a)
	if want == "" {
		if r.code != 0 || !strings.Contains(r.stdout, "complete") {
			t.Errorf("%s by %s, %s, torrent %s: not let in: %d %s%s", m.name, by.scheme, k.name, a.name, r.code, r.stdout, r.stderr)
			return r.stderr
		}
		return ""
	}
	retry := ""
	if by.scheme != "udp" {
		retry = fmt.Sprintf(", retry in: %q", retries[want])
	}
	if said := fmt.Sprintf("tracker refused: %q%s\n", want, retry); r.code != 1 || !strings.HasSuffix(r.stderr, said) || r.stdout != "" {
		t.Errorf("%s by %s, %s, torrent %s: exit code %d, want 1; it is told %s%s, want %s",
			m.name, by.scheme, k.name, a.name, r.code, r.stdout, r.stderr, said)
	}
	return want
}

func (m mode) scrape(t *testing.T, asker *host, by transport, url string, k presented, a asked) {
	t.Helper()
	r := asker.run(t, nil, shoalBinary, "scrape", url, fmt.Sprintf("%x", a.infoHash), "--json")
	counts, told := m.seen(k, a, by)
	what := fmt.Sprintf("%s by %s, %s, scrape of a torrent that is %s", m.name, by.scheme, k.name, a.name)
	if told != "" {
		if r.code != 1 || !strings.Contains(r.stderr, fmt.Sprintf("tracker refused: %q", told)) {
			t.Errorf("%s: exit code %d, want 1; it is told %s%s, want %q", what, r.code, r.stdout, r.stderr, told)
		}
		return
	}
	var got struct {
		Torrents []struct{ Complete, Downloaded, Incomplete int64 }
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); r.code != 0 || err != nil || len(got.Torrents) != 1 {
		t.Errorf("%s: %v, exit code %d: %s%s", what, err, r.code, r.stdout, r.stderr)
		return
	}
	if shown := got.Torrents[0].Incomplete != 0; shown != counts {
		t.Errorf("%s: counts %+v, want some: %t", what, got.Torrents[0], counts)
	}
}

// TestKeyExpiresWhileConnected has a key expire under browsers and clients that
// stay connected: each announce is answered by what the key is worth then.
func TestKeyExpiresWhileConnected(t *testing.T) {
	t.Parallel()
	net := newNetwork(t)
	asker := net.host(t, "asker")
	s := newShoal(t, net.host(t, "shoal"), "[access]\nprivate = true\n", "")
	brief, lasting := newKeys(1)[0], newKeys(1)[0]
	s.offline(t, "key", "add", lasting)
	s.start(t)
	// Granted while it runs, so that it is not over before anyone has asked.
	s.offline(t, "key", "add", brief, "--seconds", "6")
	hangUp(t, s)

	infoHash := randomID()
	browse := func(key string) func() error {
		b, err := openSocketAt(asker, s.listener(ws4), "/announce/"+key, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.conn.Close() })
		peerID := randomID()
		return func() error {
			b.conn.SetDeadline(time.Now().Add(wireTimeout))
			_, err := b.announce(leecherOf(infoHash, peerID))
			return err
		}
	}
	visitBy := func(by transport, key string) func() error {
		v, err := newVisitor(asker, s.listener(by), by.scheme == "udp")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { v.conn.Close() })
		q := visit{infoHash: infoHash, peerID: randomID(), port: 6881, left: 1, key: key}
		return func() error { return v.announce(q) }
	}
	ask := func(key string) map[string]func() error {
		return map[string]func() error{"ws": browse(key), "http": visitBy(http4, key), "udp": visitBy(udp4, key)}
	}
	briefly, lastingly := ask(brief), ask(lasting)
	for name, announce := range briefly {
		await(t, 5*time.Second, announce, s.proc)
		t.Logf("%s: let in", name)
	}
	for name, announce := range briefly {
		await(t, 30*time.Second, func() error {
			switch err := announce(); {
			case reasonOf(err) == keyExpired:
				return nil
			case err != nil:
				t.Fatalf("by %s: %v", name, err)
			}
			return fmt.Errorf("by %s the key has not expired", name)
		}, s.proc)
	}
	for name, announce := range lastingly {
		if err := announce(); err != nil {
			t.Errorf("by %s, with the other key: %v", name, err)
		}
	}
	s.stop(t)
}
