package bencode

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// walk reads all of input and returns its tokens, one letter and what they
// hold each, and the error that ended it, nil for io.EOF.
func walk(input string) (tokens []string, err error) {
	r := NewReader([]byte(input))
	for {
		t, err := r.Next()
		if err == io.EOF {
			return tokens, r.Done()
		}
		if err != nil {
			return tokens, err
		}
		tokens = append(tokens, spell(t))
	}
}

func spell(t Token) string {
	switch t.Kind {
	case Int:
		return fmt.Sprintf("i%d", t.Int)
	case String:
		return fmt.Sprintf("s%q", t.Bytes)
	}
	return map[Kind]string{List: "[", Dict: "{", End: "."}[t.Kind]
}

func TestReader(t *testing.T) {
	deep := strings.Repeat("l", MaxDepth) + strings.Repeat("e", MaxDepth)
	for _, test := range []struct {
		input  string
		tokens string
		err    error
	}{
		{"i0e", "i0", nil},
		{"i-1e", "i-1", nil},
		{"i9223372036854775807e", "i9223372036854775807", nil},
		{"i-9223372036854775808e", "i-9223372036854775808", nil},
		{"0:", `s""`, nil},
		{"3:a:e", `s"a:e"`, nil},
		{"10:0123456789", `s"0123456789"`, nil},
		{"le", "[ .", nil},
		{"de", "{ .", nil},
		{"li1e1:xlede" + "e", `[ i1 s"x" [ . { . .`, nil},
		{"d1:bi1e1:ai2e1:bi3ee", `{ s"b" i1 s"a" i2 s"b" i3 .`, nil},
		{"d1:ad1:bdee1:cli1ee1:d1:ee", `{ s"a" { s"b" { . . s"c" [ i1 . s"d" s"e" .`, nil},
		{"lld1:alleleeee" + "e", `[ [ { s"a" [ [ . [ . . . . .`, nil},
		{deep, strings.TrimSpace(strings.Repeat("[ ", MaxDepth) + strings.Repeat(". ", MaxDepth)), nil},

		{"", "", ErrTruncated},
		{"i", "", ErrTruncated},
		{"i-", "", ErrTruncated},
		{"i12", "", ErrTruncated},
		{"5", "", ErrTruncated},
		{"5:abcd", "", ErrTruncated},
		{"99999999999999999999999:", "", ErrTruncated},
		{"l", "[", ErrTruncated},
		{"d1:a", `{ s"a"`, ErrTruncated},
		{"e", "", ErrSyntax},
		{"x", "", ErrSyntax},
		{"-1:", "", ErrSyntax},
		{"l e", "[", ErrSyntax},
		{"ie", "", ErrInteger},
		{"i-e", "", ErrInteger},
		{"i-0e", "", ErrInteger},
		{"i00e", "", ErrInteger},
		{"i03e", "", ErrInteger},
		{"i-03e", "", ErrInteger},
		{"i+3e", "", ErrInteger},
		{"i3.0e", "", ErrInteger},
		{"i3-e", "", ErrInteger},
		{"i9223372036854775808e", "", ErrInteger},
		{"i-9223372036854775809e", "", ErrInteger},
		{"i18446744073709551616e", "", ErrInteger},
		{"00:", "", ErrLength},
		{"01:a", "", ErrLength},
		{"1a:", "", ErrLength},
		{"1e", "", ErrLength},
		{"di1ei2ee", "{", ErrKey},
		{"dlei2ee", "{", ErrKey},
		{"d1:ai1exe", `{ s"a" i1`, ErrKey},
		{"d1:ae", `{ s"a"`, ErrValue},
		{"l" + deep + "e", strings.TrimSpace(strings.Repeat("[ ", MaxDepth)), ErrDepth},
		{"i1ei2e", "i1", ErrTrailing},
		{"de\n", "{ .", ErrTrailing},
	} {
		tokens, err := walk(test.input)
		if got := strings.Join(tokens, " "); got != test.tokens || err != test.err {
			t.Errorf("%q read as %s, %v; want %s, %v", test.input, got, err, test.tokens, test.err)
		}
	}
}

func TestReaderKeepsItsError(t *testing.T) {
	r := NewReader([]byte("li1exi2ee"))
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := r.Next(); err != ErrSyntax {
			t.Errorf("Next: %v, want %v", err, ErrSyntax)
		}
		if err := r.Skip(); err != ErrSyntax {
			t.Errorf("Skip: %v, want %v", err, ErrSyntax)
		}
		if err := r.Done(); err != ErrSyntax {
			t.Errorf("Done: %v, want %v", err, ErrSyntax)
		}
	}
}

func TestReaderSkip(t *testing.T) {
	for _, test := range []struct {
		input string
		next  string // the token after the first one was skipped
		err   error  // of Skip
	}{
		{"i1e", "EOF", nil},
		{"lli1eed1:aleei2ee", "EOF", nil},
		{"d1:ai1ee", "EOF", nil},
		{"llee", "EOF", nil},
		{"lle", "", ErrTruncated},
		{"ldx", "", ErrKey},
	} {
		r := NewReader([]byte(test.input))
		if err := r.Skip(); err != test.err {
			t.Errorf("%q: Skip: %v, want %v", test.input, err, test.err)
			continue
		}
		if _, err := r.Next(); test.err == nil && err != io.EOF {
			t.Errorf("%q: after Skip: %v, want EOF", test.input, err)
		}
	}

	r := NewReader([]byte("d1:alli1eee1:bi2ee"))
	for _, step := range []string{"{", `s"a"`, "skip", `s"b"`, "skip", "skip"} {
		if step == "skip" {
			if err := r.Skip(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if token, err := r.Next(); err != nil || spell(token) != step {
			t.Fatalf("read %s, %v; want %s", spell(token), err, step)
		}
	}
	if err := r.Done(); err != nil {
		t.Errorf("after the end was skipped: %v", err)
	}
}

func TestReaderDone(t *testing.T) {
	r := NewReader([]byte("li1ee"))
	for range 3 {
		if err := r.Done(); err != ErrUnfinished {
			t.Errorf("within the list: %v, want %v", err, ErrUnfinished)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Done(); err != nil {
		t.Error(err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("Next at the end: %v, want EOF", err)
	}
	if err := r.Done(); err != nil {
		t.Errorf("Done after EOF: %v", err)
	}

	r = NewReader([]byte("i1e "))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if err := r.Done(); err != ErrTrailing {
		t.Errorf("with a byte left: %v, want %v", err, ErrTrailing)
	}
}

func TestReaderCopyIsABookmark(t *testing.T) {
	r := NewReader([]byte("d1:ai1e1:bi2ee"))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	bookmark := r
	for range 3 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if token, err := bookmark.Next(); err != nil || spell(token) != `s"a"` {
		t.Errorf("the copy read %s, %v; want the first key", spell(token), err)
	}
}

// A token's bytes end where the string ends: appending to them must not
// overwrite what the reader has yet to read.
func TestReaderBytesHaveNoRoom(t *testing.T) {
	r := NewReader([]byte("l1:ai1ee"))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	token, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(token.Bytes, "xxxx"...)
	if token, err := r.Next(); err != nil || token.Int != 1 {
		t.Errorf("after appending to a token: %v, %v; want 1", token, err)
	}
}

func TestKindString(t *testing.T) {
	want := []string{"nothing", "integer", "string", "list", "dictionary", "end", "nothing"}
	for kind, want := range want {
		if got := Kind(kind).String(); got != want {
			t.Errorf("kind %d is %q, want %q", kind, got, want)
		}
	}
}

func TestErrorsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range everyError {
		if seen[err.Error()] || !strings.HasPrefix(err.Error(), "bencode: ") || errors.Unwrap(err) != nil {
			t.Errorf("%q is not a text of its own that names the package", err)
		}
		seen[err.Error()] = true
	}
}
