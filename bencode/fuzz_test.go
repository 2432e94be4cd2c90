package bencode

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// everyError is each error that input can cause.
var everyError = []error{
	ErrTruncated, ErrSyntax, ErrInteger, ErrLength, ErrKey, ErrValue, ErrDepth, ErrTrailing,
}

func FuzzReader(f *testing.F) {
	f.Fuzz(func(t *testing.T, input []byte) {
		tokens, err := walk(string(input))
		want, rest, ok := naive(string(input), 0)
		ok = ok && rest == ""
		if ok != (err == nil) {
			t.Fatalf("%q: reader says %v, the naive one says ok=%v", input, err, ok)
		}

		skipper := NewReader(input)
		if err := skipper.Skip(); ok && err != nil {
			t.Fatalf("%q: Skip: %v", input, err)
		}
		if skipped := skipper.Done() == nil; skipped != ok {
			t.Fatalf("%q: skipped=%v, ok=%v", input, skipped, ok)
		}

		if !ok {
			if !slices.Contains(everyError, err) {
				t.Fatalf("%q: unknown error %v", input, err)
			}
			return
		}
		if !slices.Equal(tokens, want) {
			t.Fatalf("%q:\n got %q\nwant %q", input, tokens, want)
		}
		if again := rewrite(input); string(again) != string(input) {
			t.Fatalf("%q written again is %q", input, again)
		}
	})
}

// rewrite writes the tokens of a valid input. What the reader accepts has one
// spelling only, so this must give the input again.
func rewrite(input []byte) (dst []byte) {
	r := NewReader(input)
	for {
		t, err := r.Next()
		if err == io.EOF {
			return dst
		}
		switch t.Kind {
		case Int:
			dst = AppendInt(dst, t.Int)
		case String:
			dst = AppendBytes(dst, t.Bytes)
		case List:
			dst = append(dst, 'l')
		case Dict:
			dst = append(dst, 'd')
		case End:
			dst = append(dst, 'e')
		}
	}
}

var (
	naiveInt    = regexp.MustCompile(`^i(0|-?[1-9][0-9]*)e`)
	naiveLength = regexp.MustCompile(`^(0|[1-9][0-9]*):`)
)

// naive reads one value by recursion and regular expressions.
func naive(s string, depth int) (tokens []string, rest string, ok bool) {
	if m := naiveInt.FindStringSubmatch(s); m != nil {
		v, err := strconv.ParseInt(m[1], 10, 64)
		return []string{spell(Token{Kind: Int, Int: v})}, s[len(m[0]):], err == nil
	}
	if m := naiveLength.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		s = s[len(m[0]):]
		if err != nil || n > len(s) {
			return nil, "", false
		}
		return []string{spell(Token{Kind: String, Bytes: []byte(s[:n])})}, s[n:], true
	}
	isDict := strings.HasPrefix(s, "d")
	if !isDict && !strings.HasPrefix(s, "l") || depth == 32 {
		return nil, "", false
	}
	tokens = []string{"["}
	if isDict {
		tokens = []string{"{"}
	}
	s = s[1:]
	for count := 0; ; count++ {
		if strings.HasPrefix(s, "e") {
			return append(tokens, "."), s[1:], !isDict || count%2 == 0
		}
		if isDict && count%2 == 0 && !naiveLength.MatchString(s) {
			return nil, "", false
		}
		inner, rest, ok := naive(s, depth+1)
		if !ok {
			return nil, "", false
		}
		tokens, s = append(tokens, inner...), rest
	}
}

// The committed corpus has an input for each error, so that fuzzing starts
// from every branch.
func TestCorpusReachesEveryError(t *testing.T) {
	seen := map[error]bool{}
	for _, input := range corpus(t, "FuzzReader") {
		_, err := walk(input)
		seen[err] = true
	}
	for _, err := range append(everyError, nil) {
		if !seen[err] {
			t.Errorf("no input of the corpus ends with: %v", err)
		}
	}
}

// corpus returns the committed inputs of a fuzz target.
func corpus(t *testing.T, target string) (inputs []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "fuzz", target, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus of %s: %v", target, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		quoted, ok := strings.CutPrefix(string(text), "go test fuzz v1\n[]byte(")
		quoted, closed := strings.CutSuffix(quoted, ")\n")
		input, err := strconv.Unquote(quoted)
		if !ok || !closed || err != nil {
			t.Fatalf("%s is not one []byte: %v", path, err)
		}
		inputs = append(inputs, input)
	}
	return inputs
}
