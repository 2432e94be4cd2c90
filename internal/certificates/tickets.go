package certificates

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Keys in memory: a new one every rotateEvery, and a ticket is taken for at
// least a day, for 36 hours at most.
const (
	rotateEvery = 12 * time.Hour
	keysKept    = 3
)

// mostKeys bounds what a ticket that fits none costs.
const mostKeys = 16

// ticketKey encrypts session tickets: who has it can read what was said over
// connections that were resumed by TLS 1.2. So it lives in memory and not for
// long, unless several nodes must share it.
type ticketKey = [32]byte

type tickets struct {
	config *tls.Config
	file   string // empty: keys in memory
	log    *slog.Logger

	keys      []ticketKey // the first one encrypts
	made      time.Time   // the first one, in memory
	seen      stamp
	complaint string
	exposed   exposure
}

func openTickets(config *tls.Config, file string, log *slog.Logger, now time.Time) (*tickets, error) {
	t := &tickets{config: config, file: file, log: log}
	if file == "" {
		t.rotate(now)
		return t, nil
	}
	return t, t.load()
}

// look rotates keys in memory that are due, and reads a file that has changed.
func (t *tickets) look(now time.Time, asked bool) {
	if t.file == "" {
		if now.Sub(t.made) >= rotateEvery {
			t.rotate(now)
		}
		return
	}
	found := stampOf(t.file)
	t.exposed.look("session ticket keys are open to every user: chmod 600", t.file, found, t.log)
	if !asked && t.complaint == "" && t.seen.same(found) {
		return
	}
	before, complaint := t.keys, t.complaint
	switch err := t.load(); {
	case err == nil && !slices.Equal(before, t.keys):
		t.log.Info("session ticket keys are replaced", "file", t.file, "keys", len(t.keys))
	case err != nil && (asked || err.Error() != complaint):
		t.log.Warn("session ticket keys are not replaced, the old ones stay", "error", err)
	}
}

func (t *tickets) rotate(now time.Time) {
	var key ticketKey
	rand.Read(key[:])
	t.made = now
	t.set(append([]ticketKey{key}, t.keys[:min(len(t.keys), keysKept-1)]...))
}

func (t *tickets) set(keys []ticketKey) {
	t.keys = keys
	t.config.SetSessionTicketKeys(keys)
}

// load reads the file. What fails is kept as the complaint.
func (t *tickets) load() (err error) {
	t.seen, t.complaint = stampOf(t.file), ""
	defer func() {
		if err != nil {
			t.complaint = err.Error()
		}
	}()
	text, err := readSmall(t.file)
	if err != nil {
		return fmt.Errorf("read the session ticket keys: %w", err)
	}
	keys, err := parseTicketKeys(string(text))
	if err != nil {
		return fmt.Errorf("session ticket keys in %s: %w", t.file, err)
	}
	t.set(keys)
	return nil
}

// parseTicketKeys reads a key a line, and skips lines that are empty or begin
// with #. No error quotes a line: it may be nearly a key.
func parseTicketKeys(text string) (keys []ticketKey, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		var key ticketKey
		b, err := decodeKey(line)
		if err != nil || len(b) != len(key) {
			return nil, fmt.Errorf("line %d must be %d bytes, as %d hexadecimal digits or as base64", number, len(key), 2*len(key))
		}
		copy(key[:], b)
		if slices.Contains(keys, key) {
			return nil, fmt.Errorf("line %d has a key that stands above already", number)
		}
		keys = append(keys, key)
	}
	switch {
	case len(keys) == 0:
		return nil, errors.New("there is none")
	case len(keys) > mostKeys:
		return nil, fmt.Errorf("there are %d, at most %d are allowed", len(keys), mostKeys)
	}
	return keys, nil
}

func decodeKey(line string) ([]byte, error) {
	if len(line) == hex.EncodedLen(len(ticketKey{})) {
		return hex.DecodeString(line)
	}
	line = strings.TrimRight(line, "=")
	if strings.ContainsAny(line, "-_") {
		return base64.RawURLEncoding.DecodeString(line)
	}
	return base64.RawStdEncoding.DecodeString(line)
}
