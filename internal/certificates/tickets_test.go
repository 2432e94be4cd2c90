package certificates

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// client is one that resumes.
func client(version uint16) *tls.Config {
	return &tls.Config{ServerName: "a.example.org", ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: version}
}

func resumed(t *testing.T, s *Certificates, c *tls.Config) bool {
	t.Helper()
	state, err := shake(s, c)
	if err != nil {
		t.Fatal(err)
	}
	return state.DidResume
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func keyLine(b byte) string { return strings.Repeat(hex.EncodeToString([]byte{b}), 32) + "\n" }

// TestRotation: a ticket is taken for a day at least, and not for ever.
func TestRotation(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			s := open(t, files(t, cert, key), new(journal).logger())
			begin := s.tickets.made
			turn := func(after time.Duration) { s.look(begin.Add(after), false) }
			turn(rotateEvery - time.Second)
			late := client(version)
			if resumed(t, s, late) {
				t.Fatal("resumed before there was a ticket")
			}
			turn(rotateEvery)
			turn(2 * rotateEvery)
			old := client(version)
			old.ClientSessionCache = &once{late.ClientSessionCache}
			if !resumed(t, s, old) {
				t.Error("a ticket of a day is refused")
			}
			turn(3 * rotateEvery)
			if resumed(t, s, old) {
				t.Error("a ticket is taken with a key that is gone")
			}
			if len(s.tickets.keys) != keysKept {
				t.Errorf("%d keys are kept, want %d", len(s.tickets.keys), keysKept)
			}
		})
	}
}

// once hands out what is in a cache and takes nothing new, so that a client
// comes again with the same ticket.
type once struct{ from tls.ClientSessionCache }

func (o *once) Get(key string) (*tls.ClientSessionState, bool) { return o.from.Get(key) }
func (o *once) Put(string, *tls.ClientSessionState)            {}

// TestRotationRuns: it is Run that rotates.
func TestRotationRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert, key := makeGood(t, "a.example.org")
		s := open(t, files(t, cert, key), new(journal).logger())
		s.every = time.Minute
		stop := start(t, s)
		time.Sleep(rotateEvery + time.Minute)
		stop()
		if len(s.tickets.keys) != 2 {
			t.Errorf("%d keys after a rotation, want 2", len(s.tickets.keys))
		}
	})
}

// TestSharedKeys: two nodes with one file take each other's tickets.
func TestSharedKeys(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	c.TicketKeys = filepath.Join(t.TempDir(), "tickets")
	write(t, c.TicketKeys, []byte(keyLine(1)))
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			one, two := open(t, c, new(journal).logger()), open(t, c, new(journal).logger())
			alone := c
			alone.TicketKeys = ""
			third := open(t, alone, new(journal).logger())
			visitor := client(version)
			if resumed(t, one, visitor) || !resumed(t, two, visitor) || !resumed(t, one, visitor) {
				t.Error("a ticket of one node is refused by another with the same file")
			}
			if resumed(t, third, visitor) {
				t.Error("a ticket is taken by a node without the file")
			}
		})
	}
}

// TestSharedKeysChange: the new first key makes tickets, the old one still
// takes them, and a file that cannot be used changes nothing.
func TestSharedKeysChange(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	c.TicketKeys = filepath.Join(t.TempDir(), "tickets")
	set := func(text string) { write(t, c.TicketKeys, []byte(text)) }
	set(keyLine(1))
	var j journal
	s := open(t, c, j.logger())
	look := func() { s.look(time.Now(), false) }
	visitor := client(tls.VersionTLS12)
	resumed(t, s, visitor)

	set("# the new one first\n" + keyLine(2) + keyLine(1))
	look()
	look()
	j.wantLines(t, 1, "session ticket keys are replaced", "keys=2")
	if !resumed(t, s, visitor) {
		t.Error("a ticket of the key before is refused")
	}
	for _, bad := range []string{"", "secret\n"} {
		set(bad)
		look()
		look()
		j.wantLines(t, 1, "level=WARN", "the old ones stay", c.TicketKeys)
		j.wantLines(t, 0, "secret")
		if !resumed(t, s, visitor) {
			t.Error("keys are gone with a file that cannot be used")
		}
		j.text.Reset()
	}
	os.Remove(c.TicketKeys)
	look()
	look()
	j.wantLines(t, 1, "level=WARN", "no such file")
	s.Reload()
	j.wantLines(t, 2, "level=WARN", "no such file")

	set(keyLine(3))
	look()
	j.wantLines(t, 1, "session ticket keys are replaced", "keys=1")
	if resumed(t, s, visitor) {
		t.Error("a ticket is taken with a key that is gone")
	}
	if runtime.GOOS == "windows" {
		return
	}
	j.wantLines(t, 0, "chmod 600")
	if err := os.Chmod(c.TicketKeys, 0o644); err != nil {
		t.Fatal(err)
	}
	look()
	s.Reload()
	j.wantLines(t, 1, "level=WARN", "chmod 600", "0644")
}

func TestParseTicketKeys(t *testing.T) {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(255 - i)
	}
	many := ""
	for i := range mostKeys + 1 {
		many += keyLine(byte(i))
	}
	tests := []struct {
		name, text string
		keys       int
		fails      string
	}{
		{"hex", hex.EncodeToString(raw), 1, ""},
		{"upper case", strings.ToUpper(hex.EncodeToString(raw)) + "\r\n", 1, ""},
		{"base64", base64.StdEncoding.EncodeToString(raw) + "\n", 1, ""},
		{"base64 without an end", base64.RawStdEncoding.EncodeToString(raw), 1, ""},
		{"base64 for URLs", "\n\n  " + base64.URLEncoding.EncodeToString(raw) + "  \n#" + keyLine(0), 1, ""},
		{"two", keyLine(1) + keyLine(2), 2, ""},
		{"most", strings.TrimSuffix(many, keyLine(mostKeys)), mostKeys, ""},
		{"none", "", 0, "there is none"},
		{"only words", "# nothing\n", 0, "there is none"},
		{"short", keyLine(1) + "abcd\n", 0, "line 2"},
		{"long", strings.TrimSpace(keyLine(1)) + "ab", 0, "line 1"},
		{"no hex", strings.Repeat("g", 64), 0, "line 1"},
		{"base64 of 31", base64.StdEncoding.EncodeToString(raw[:31]), 0, "line 1"},
		{"twice", keyLine(1) + keyLine(1), 0, "line 2 has a key that stands above"},
		{"too many", many, 0, fmt.Sprintf("at most %d", mostKeys)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := parseTicketKeys(test.text)
			if (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Fatalf("error %v, want %q", err, test.fails)
			}
			if err == nil && len(keys) != test.keys {
				t.Errorf("%d keys, want %d", len(keys), test.keys)
			}
			if test.keys == 1 && keys[0] != ticketKey(raw) {
				t.Errorf("key %x, want %x", keys[0], raw)
			}
		})
	}
}

func TestOpenFailsOnTicketKeys(t *testing.T) {
	cert, key := makeGood(t, "a.example.org")
	c := files(t, cert, key)
	c.TicketKeys = filepath.Join(t.TempDir(), "tickets")
	if _, err := Open(c, t.TempDir(), new(journal).logger()); err == nil || !strings.Contains(err.Error(), c.TicketKeys) {
		t.Errorf("error %v, want one that names %s", err, c.TicketKeys)
	}
	write(t, c.TicketKeys, []byte("nonsense"))
	if _, err := Open(c, t.TempDir(), new(journal).logger()); err == nil || !strings.Contains(err.Error(), c.TicketKeys) {
		t.Errorf("error %v, want one that names %s", err, c.TicketKeys)
	}
}
