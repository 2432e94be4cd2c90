package apiclient

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

const token = "a-token-that-nobody-may-see"

// tracker is an API that answers as a test wants it.
func tracker(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return clientOf(t, Options{URL: server.URL, Token: token})
}

func clientOf(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// says is an answer of JSON.
func says(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	io.WriteString(w, text)
}

func TestURL(t *testing.T) {
	for _, test := range []struct{ url, want, wantErr string }{
		{"http://127.0.0.1:1212", "http://127.0.0.1:1212/api/v1", ""},
		{"http://127.0.0.1:1212/", "http://127.0.0.1:1212/api/v1", ""},
		{"https://[::1]:1212/api/v1/", "https://[::1]:1212/api/v1", ""},
		{"https://example.org/a%2Fb", "https://example.org/a%2Fb/api/v1", ""},
		{"127.0.0.1:1212", "", "must be like"},
		{"ftp://127.0.0.1", "", "must be like"},
		{"http:127.0.0.1", "", "must be like"},
		{"", "", "must be like"},
		{"http://" + token + "@127.0.0.1", "", "no token"},
		{"http://127.0.0.1?token=" + token, "", "no token"},
		{"http://127.0.0.1#" + token, "", "no token"},
	} {
		c, err := New(Options{URL: test.url, Token: token})
		switch {
		case test.wantErr == "" && (err != nil || c.url != test.want):
			t.Errorf("%q: %v, error %v, want %q", test.url, c, err, test.want)
		case test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)):
			t.Errorf("%q: error %v, want %q", test.url, err, test.wantErr)
		case err != nil && strings.Contains(err.Error(), token):
			t.Errorf("%q: the error shows the token: %v", test.url, err)
		}
	}
}

func TestToken(t *testing.T) {
	for _, bad := range []string{"", "two words", "line\r\nX-Other: 1", "schlüssel"} {
		_, err := New(Options{URL: "http://127.0.0.1:1", Token: bad})
		if err == nil {
			t.Errorf("token %q was taken", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("token %q is shown: %v", bad, err)
		}
	}
	c := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+token {
			t.Errorf("Authorization %q", got)
		}
		if strings.Contains(r.URL.String(), token) {
			t.Errorf("the token is in the URL: %s", r.URL)
		}
		says(w, `{}`)
	})
	if err := c.AddAllowed(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestRedirect: the token is not taken to where an answer leads, on the same host
// neither.
func TestRedirect(t *testing.T) {
	asked := atomic.Int32{}
	c := tracker(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	err := c.AddAllowed(t.Context(), nil)
	if refused := (*Refused)(nil); !errors.As(err, &refused) || refused.Status != http.StatusTemporaryRedirect {
		t.Errorf("error %v", err)
	}
	if asked.Load() != 1 {
		t.Errorf("%d requests", asked.Load())
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	c := clientOf(t, Options{URL: "http://" + listener.Addr().String(), Token: token})
	_, err = c.RemoveKeys(t.Context(), []string{"0123456789abcdef"})
	if nobody := (*Unreachable)(nil); !errors.As(err, &nobody) || nobody.URL != "http://"+listener.Addr().String() {
		t.Errorf("error %v", err)
	}
}

// TestLost: an answer that does not come tells nothing about what was asked for,
// and the error does not show the key that the path has.
func TestLost(t *testing.T) {
	c := tracker(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.RemoveKeys(t.Context(), []string{"0123456789abcdef"})
	if err == nil || !strings.Contains(err.Error(), "may be done or not") || strings.Contains(err.Error(), "0123456789abcdef") {
		t.Errorf("error %v", err)
	}
	err = c.EachKey(t.Context(), nil)
	if err == nil || strings.Contains(err.Error(), "may be done or not") {
		t.Errorf("a question that changes nothing: error %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, test := range []struct{ name, kind, body, want string }{
		{"page", "text/html", "<html>", "not as a management API"},
		{"nothing", "", "", "not as a management API"},
		{"no JSON", "application/json", "{", "does not understand"},
		{"another shape", "application/json", "[]", "does not understand"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := tracker(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				io.WriteString(w, test.body)
			})
			err := c.AddAllowed(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { says(w, "{}") }))
	server.Config.ErrorLog = nil
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, test := range []struct {
		name    string
		options Options
		ok      bool
	}{
		{"of nobody", Options{}, false},
		{"believed unseen", Options{Insecure: true}, true},
		{"known", Options{Roots: roots}, true},
		{"known, by name", Options{Roots: roots, ServerName: "example.com"}, true},
		{"of another name", Options{Roots: roots, ServerName: "example.net"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.URL, test.options.Token = server.URL, token
			err := clientOf(t, test.options).AddAllowed(t.Context(), nil)
			if (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}
