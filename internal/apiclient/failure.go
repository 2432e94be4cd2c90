package apiclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unreachable is that nobody was reached: nothing was asked, and nothing changed.
type Unreachable struct {
	URL string
	Err error
}

// Error says who was not reached, and why.
func (u *Unreachable) Error() string { return fmt.Sprintf("nobody answers at %s: %v", u.URL, u.Err) }

// Unwrap returns why.
func (u *Unreachable) Unwrap() error { return u.Err }

// Refused is an answer of the API that is no success.
type Refused struct {
	Status     int    // of HTTP
	Detail     string // what the tracker says, as one line that is safe to show; may be empty
	RetryAfter string // how long to wait, as the header says; may be empty

	told bool // by problem+json
}

// Error says it with the tracker's own words where there are any.
func (r *Refused) Error() string {
	text := r.Detail
	if text == "" {
		text = fmt.Sprintf("status %d %s, and nothing else", r.Status, http.StatusText(r.Status))
	}
	if r.RetryAfter != "" {
		text += " (try again in " + r.RetryAfter + " s)"
	}
	return "the tracker says: " + text
}

// lost says that there was no answer, and what that means for what was asked.
func (c *Client) lost(r request, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return &Unreachable{strings.TrimSuffix(c.url, "/api/v1"), op}
	}
	err = fmt.Errorf("%s of the management API at %s: %w", r.method, c.url, plainError(err))
	if r.method == http.MethodGet {
		return err
	}
	return fmt.Errorf("%w; what was asked for may be done or not, and may be asked for again", err)
}

// plainError leaves out the URL that net/http puts before an error: it may name a
// key.
func plainError(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// problem is application/problem+json (RFC 9457), with the errors of single
// fields.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Reason string `json:"reason"` // Torrust's, where a mode is off
	Errors []struct {
		Message  string          `json:"message"`
		Location string          `json:"location"`
		Value    json.RawMessage `json:"value"`
	} `json:"errors"`
}

// problemOf reads an answer that is no success. Whoever answers there may be
// anybody, and what it says goes to a terminal.
func problemOf(resp *http.Response) error {
	refused := &Refused{Status: resp.StatusCode, RetryAfter: line(resp.Header.Get("Retry-After"), 40)}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if err != nil {
		return refused // the status is there
	}
	var p problem
	err = json.Unmarshal(text, &p)
	if err == nil && p.Reason != "" {
		refused.Detail = line(p.Reason, 300)
		return refused
	}
	if err != nil || p.Title+p.Detail == "" {
		if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") { // a page of some other server says nothing in a line
			refused.Detail = line(string(text), 300)
		}
		return refused
	}
	refused.told = true
	detail := p.Detail
	if detail == "" {
		detail = p.Title
	}
	for i, e := range p.Errors {
		if i == 5 {
			detail += fmt.Sprintf("; and %d more", len(p.Errors)-i)
			break
		}
		detail += "; "
		if e.Location != "" {
			detail += e.Location
			if len(e.Value) > 0 && e.Value[0] != '{' && e.Value[0] != '[' {
				detail += " = " + line(string(e.Value), 100)
			}
			detail += ": "
		}
		detail += e.Message
	}
	refused.Detail = line(detail, 2000)
	return refused
}

// line makes one line of a text, of so many bytes at most, that does nothing to a
// terminal.
func line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
