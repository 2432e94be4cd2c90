package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Values in a body: one of many entries has up to four for each, itself included.
const (
	mostValues     = 1000
	mostBulkValues = 5 * mostEntries
)

// largePatience is how long a large body waits for others.
const largePatience = 90 * time.Second

// takeBody reads a body, and looks how much is in it, before the schema does: that
// makes an error of each value that is not allowed, and 16 MiB hold millions. Of
// large bodies one at a time goes on from here, until it has an answer.
func (s *Server) takeBody(api huma.API) func(ctx huma.Context, next func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		op := ctx.Operation()
		if op.RequestBody == nil {
			next(ctx)
			return
		}
		r, _ := humago.Unwrap(ctx)
		text, err := readBody(r, op.MaxBodyBytes)
		if err != nil {
			status, detail := unreadBody(err)
			s.o.Log.Debug("a body could not be read by the management API", "request", op.Method+" "+op.Path, "by", actor(ctx.Context()), "error", err)
			_ = huma.WriteErr(api, ctx, status, detail) // fails where the client is gone
			return
		}
		values, entries := mostValues, mostValues+1
		if op.MaxBodyBytes > mostBody {
			values, entries = mostBulkValues, mostEntries
			wait, cancel := context.WithTimeout(r.Context(), s.patience)
			defer cancel()
			select {
			case s.large <- struct{}{}:
				free := sync.OnceFunc(func() { <-s.large })
				defer free()
				if a := outgoingOf(r.Context()); a != nil {
					a.begins = free // whoever does not read an answer holds nobody up
				}
			case <-wait.Done():
				ctx.SetHeader("Retry-After", strconv.Itoa(retryDatabase))
				_ = huma.WriteErr(api, ctx, http.StatusServiceUnavailable, "another large body is worked on; ask again") // as above
				return
			}
		}
		if detail := tooMuch(text, values, entries); detail != nil {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", detail) // as above
			return
		}
		if name := twice(text); name != "" {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "validation failed", // as above
				&huma.ErrorDetail{Message: "expected each name once in an object", Location: "body", Value: cut(name, mostShown)})
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
		r.Header.Set("Content-Type", strings.ToLower(r.Header.Get("Content-Type"))) // media types have no case
		next(ctx)
	}
}

// readBody reads a body of up to most bytes, as http.MaxBytesReader does, but
// leaves the rest where it is.
func readBody(r *http.Request, most int64) ([]byte, error) {
	var text bytes.Buffer
	if r.ContentLength > 0 {
		text.Grow(int(min(r.ContentLength, most)) + bytes.MinRead)
	}
	n, err := text.ReadFrom(io.LimitReader(r.Body, most+1))
	if err == nil && n > most {
		err = &http.MaxBytesError{Limit: most}
	}
	return text.Bytes(), err
}

// unreadBody returns the answer to who sent a body that could not be read: it is
// never the tracker's fault.
func unreadBody(err error) (status int, detail string) {
	if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is longer than %d bytes", long.Limit)
	}
	if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
		return http.StatusRequestTimeout, "the body did not come in time"
	}
	return http.StatusBadRequest, "the body ended early or is badly chunked"
}

// tooMuch reports whether there is more in text than can be right: in one list of
// it, or in all. It counts commas and what opens, whether or not text is JSON.
func tooMuch(text []byte, mostValues, mostEntries int) *huma.ErrorDetail {
	var name []byte // the last string that stood outside of a list
	depth, all, entries := 0, 0, 0
	for i := 0; i < len(text) && all <= mostValues; i++ {
		switch text[i] {
		case '"':
			begin := i + 1
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 1 {
				name = text[begin:min(i, len(text))]
			}
		case '{', '[':
			all++
			if depth++; depth == 2 {
				entries = 1
			}
		case '}', ']':
			depth--
		case ',':
			if all++; depth != 2 {
				continue
			}
			if entries++; entries > mostEntries {
				return &huma.ErrorDetail{Message: fmt.Sprintf("expected array length <= %d", mostEntries), Location: "body." + string(name)}
			}
		}
	}
	if all > mostValues {
		return &huma.ErrorDetail{Message: "expected fewer values", Location: "body"}
	}
	return nil
}
