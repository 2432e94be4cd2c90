package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shoal-tracker/shoal/internal/api"
)

// Error is one thing that is wrong with a configuration. Load joins all there
// are.
type Error struct {
	Source  string // file, variable or flag it stands in; "defaults" for what nobody set
	Line    int    // of a file, from 1; 0 elsewhere
	Key     string // such as "udp.0.workers"; empty for what is wrong with a whole file
	Value   string // as written; empty where the key is what is wrong
	Problem string // what is allowed instead
}

// Error returns all of it in one line.
func (e *Error) Error() string {
	s := e.Source
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	if e.Value != "" {
		s += " = " + e.Value
	}
	return s + ": " + e.Problem
}

// join returns the problems source by source, in the order they stand there.
func join(problems []*Error) error {
	rank := map[string]int{}
	for _, p := range problems {
		p.hide()
		if _, ok := rank[p.Source]; !ok {
			rank[p.Source] = len(rank)
		}
	}
	slices.SortStableFunc(problems, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(rank[a.Source], rank[b.Source]), cmp.Compare(a.Line, b.Line))
	})
	all := make([]error, len(problems))
	for i, p := range problems {
		all[i] = p
	}
	return errors.Join(all...)
}

// Format returns a setting's value as it is written in a file.
func Format(value any) string {
	switch v := value.(type) {
	case time.Duration:
		return strconv.Quote(formatDuration(v))
	case netip.AddrPort, netip.Addr, netip.Prefix:
		return strconv.Quote(fmt.Sprint(v))
	case string:
		return strconv.Quote(v)
	case []netip.AddrPort:
		return formatList(v)
	case []netip.Addr:
		return formatList(v)
	case []netip.Prefix:
		return formatList(v)
	case []string:
		return formatList(v)
	case []int:
		return formatList(v)
	case map[string]api.Token:
		return formatTokens(v)
	}
	return fmt.Sprint(value)
}

func formatList[T any](list []T) string {
	s := "["
	for i, v := range list {
		if i > 0 {
			s += ", "
		}
		s += Format(v)
	}
	return s + "]"
}

// formatDuration leaves out the zeroes that Duration.String ends with: 1h10m,
// not 1h10m0s; and writes us, which is on every keyboard.
func formatDuration(d time.Duration) string {
	s := strings.Replace(d.String(), "µs", "us", 1)
	if d != 0 && d%time.Minute == 0 {
		s = s[:len(s)-len("0s")]
		if d%time.Hour == 0 {
			s = s[:len(s)-len("0m")]
		}
	}
	return s
}

// FormatSize returns a number of bytes with the largest unit that divides it.
func FormatSize(n int) string {
	for i := len(units) - 1; i >= 0; i-- {
		if u := units[i]; u.binary && n != 0 && int64(n)%u.bytes == 0 {
			return strconv.FormatInt(int64(n)/u.bytes, 10) + u.name
		}
	}
	return strconv.Itoa(n)
}
