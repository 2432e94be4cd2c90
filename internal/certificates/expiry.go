package certificates

import (
	"log/slog"
	"strings"
	"time"
)

// What was said of a certificate.
const (
	fine = iota
	ending
	ended
)

// nags remembers what was said of each certificate, by its names and end, so
// that it is said once.
type nags map[string]int

// look warns of certificates that end soon: by then whoever renews them has
// failed for a while.
func (n nags) look(all []Expiry, now time.Time, log *slog.Logger) {
	kept := map[string]bool{}
	for _, e := range all {
		if e.NotAfter.IsZero() {
			continue
		}
		id := strings.Join(e.Names, " ") + e.NotAfter.String()
		kept[id] = true
		state, said := fine, "certificate ends soon"
		switch left := e.NotAfter.Sub(now); {
		case left < 0:
			state, said = ended, "certificate has expired: clients refuse it"
		case left < soon(e):
			state = ending
		}
		if state > n[id] {
			n[id] = state
			log.Warn(said, "names", e.Names, "not_after", e.NotAfter.UTC(), "source", e.Source)
		}
	}
	for id := range n {
		if !kept[id] {
			delete(n, id)
		}
	}
}

// soon is how long before its end a certificate is warned of: a week, or a
// sixth of its life if that is less.
func soon(e Expiry) time.Duration {
	const week = 7 * 24 * time.Hour
	if e.life > 0 {
		return min(week, e.life/6)
	}
	return week
}
