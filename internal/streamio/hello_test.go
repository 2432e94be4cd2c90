package streamio

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"
)

// helloOf returns the ClientHello that crypto/tls sends, in one record.
func helloOf(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	link := newTLSLink(0)
	link.toClient.end()
	tls.Client(tlsClientSide{link}, c).Handshake()
	hello := link.toServer.all()
	if len(hello) < 100 {
		t.Fatalf("crypto/tls sent %d bytes", len(hello))
	}
	// An alert may follow, about the answer that never came.
	return hello[:recordHead+int(hello[3])<<8+int(hello[4])]
}

// inRecords cuts the payload of one record into records of the given lengths,
// and the rest in one.
func inRecords(record []byte, lengths ...int) []byte {
	var out []byte
	for rest := record[recordHead:]; len(rest) > 0; {
		n := len(rest)
		if len(lengths) > 0 {
			n, lengths = min(n, lengths[0]), lengths[1:]
		}
		out = append(out, record[0], record[1], record[2], byte(n>>8), byte(n))
		out = append(out, rest[:n]...)
		rest = rest[n:]
	}
	return out
}

func repeated(n, times int) []int {
	all := make([]int, times)
	for i := range all {
		all[i] = n
	}
	return all
}

// longHello is one record with a ClientHello message of n bytes, head and all.
func longHello(n int) []byte {
	b := []byte{22, 3, 1, byte(n >> 8), byte(n), 1, 0, byte((n - 4) >> 8), byte(n - 4)}
	return append(b, make([]byte, n-4)...)
}

func TestHelloLength(t *testing.T) {
	hello := helloOf(t, &tls.Config{ServerName: "tracker.example.org"})
	other := helloOf(t, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	tests := []struct {
		name string
		in   []byte
		err  error // nil: the whole of in is a ClientHello
	}{
		{name: "one record", in: hello},
		{name: "TLS 1.2", in: other},
		{name: "two records", in: inRecords(hello, 50)},
		{name: "head cut", in: inRecords(hello, 1, 1, 1, 1)},
		{name: "head cut in the middle", in: inRecords(hello, 2)},
		{name: "a byte a record", in: inRecords(hello, repeated(1, len(hello))...)},
		{name: "as long as may be", in: longHello(maxHello - recordHead)},
		{name: "longer in two records", in: inRecords(longHello(maxHello-2*recordHead), 4), err: nil},
		{name: "empty message", in: []byte{22, 3, 1, 0, 4, 1, 0, 0, 0}},
		{name: "HTTP", in: []byte("GET / HTTP/1.1\r\n\r\n"), err: errNoHello},
		{name: "alert", in: []byte{21, 3, 1, 0, 2, 1, 0}, err: errNoHello},
		{name: "SSL 2", in: []byte{0x80, 0x2e, 1, 3, 1}, err: errNoHello},
		{name: "version 2.0", in: []byte{22, 2, 0, 0, 5}, err: errNoHello},
		{name: "version 4.0", in: []byte{22, 4, 0, 0, 5}, err: errNoHello},
		{name: "empty record", in: []byte{22, 3, 1, 0, 0}, err: errNoHello},
		{name: "record of 16,385 bytes", in: []byte{22, 3, 1, 0x40, 1}, err: errNoHello},
		{name: "record up to the bound", in: append([]byte{22, 3, 1, 0x3f, 0xfb, 1, 0, 0, 0}, make([]byte, 0x3ffb-4)...)},
		{name: "record beyond the bound", in: []byte{22, 3, 1, 0x3f, 0xfc}, err: errLongHello},
		{name: "ServerHello", in: []byte{22, 3, 1, 0, 5, 2}, err: errNoHello},
		{name: "message of 16 MiB", in: []byte{22, 3, 1, 0, 5, 1, 255, 255, 255}, err: errLongHello},
		{name: "message just too long", in: append([]byte{22, 3, 1, 0, 4, 1}, 0, (maxHello-recordHead-3)>>8, (maxHello-recordHead-3)&255), err: errLongHello},
		{name: "an alert between", in: append(inRecords(hello[:recordHead+20]), 21, 3, 1, 0, 2, 1, 0), err: errNoHello},
		{name: "another version between", in: append(inRecords(hello[:recordHead+20]), 22, 9), err: errNoHello},
		{name: "records too small to fit", in: inRecords(longHello(4000), repeated(1, 4000)...), err: errLongHello},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Every beginning wants more, until the end or the first byte that
			// is wrong: more never becomes something else and back.
			said := false
			for n := range len(test.in) + 1 {
				length, err := helloLength(test.in[:n])
				switch {
				case err != nil:
					if test.err == nil || !errors.Is(err, test.err) {
						t.Fatalf("%d bytes of %d: %v", n, len(test.in), err)
					}
					said = true
				case said:
					t.Fatalf("%d bytes of %d are not an error, fewer were", n, len(test.in))
				case length != 0 && (length != len(test.in) || n < length):
					t.Fatalf("%d bytes of %d: length %d", n, len(test.in), length)
				case length == 0 && n == len(test.in) && test.err == nil:
					t.Fatal("the whole of it was not enough")
				}
			}
			if test.err != nil && !said {
				t.Fatal("no error")
			}
			if test.err == nil {
				more := append(bytes.Clone(test.in), "what follows"...)
				if n, err := helloLength(more); n != len(test.in) || err != nil {
					t.Errorf("with something behind it: %d, %v", n, err)
				}
			}
		})
	}
}

// naiveHello is a second decoder: it gathers all records first and looks at the
// message afterwards. whole is how many bytes of in are the ClientHello, 0: not
// all of it is there; never: it cannot become one.
func naiveHello(in []byte) (whole int, never bool) {
	type piece struct{ payload, end int } // bytes so far
	var pieces []piece
	var message []byte
	bad := false
	at := 0
	for at < len(in) && !bad {
		rest := in[at:]
		bad = rest[0] != 22 || len(rest) > 1 && rest[1] != 3
		if bad || len(rest) < 5 {
			break
		}
		n := int(rest[3])*256 + int(rest[4])
		if n == 0 || n > 16384 || at+5+n > 16384 {
			bad = true
			break
		}
		message = append(message, rest[5:min(5+n, len(rest))]...)
		at += 5 + n
		if at <= len(in) {
			pieces = append(pieces, piece{len(message), at})
		}
	}
	if len(message) > 0 && message[0] != 1 {
		return 0, true
	}
	want := 4
	if len(message) >= 4 {
		want += int(message[1])*65536 + int(message[2])*256 + int(message[3])
	}
	have, end := 0, 0
	for _, p := range pieces {
		if p.payload >= want {
			return p.end, false
		}
		have, end = p.payload, p.end
	}
	// At best the rest comes in the next record.
	return 0, bad || end+5+want-have > 16384
}

var errJudged = errors.New("crypto/tls has the whole of it")

// helloEnd is a connection on which nothing but in will ever arrive.
type helloEnd struct {
	tlsClientSide
	in      []byte
	starved bool // more was asked for
}

func (h *helloEnd) Read(b []byte) (int, error) {
	if len(h.in) == 0 {
		h.starved = true
		return 0, io.ErrNoProgress
	}
	n := copy(b, h.in)
	h.in = h.in[n:]
	return n, nil
}

func (h *helloEnd) Write(b []byte) (int, error) { return len(b), nil }

// judge has crypto/tls read in: known is that it found a ClientHello, starved
// that it would have read more.
func judge(in []byte) (known, starved bool) {
	end := &helloEnd{in: in}
	err := tls.Server(end, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errJudged },
	}).Handshake()
	return errors.Is(err, errJudged), end.starved
}

var _ net.Conn = (*helloEnd)(nil)

func FuzzHelloLength(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		n, err := helloLength(in)
		whole, never := naiveHello(in)
		if n != whole || (err != nil) != never {
			t.Fatalf("helloLength says %d, %v and the naive decoder %d, %v", n, err, whole, never)
		}
		known, starved := judge(in)
		switch {
		case err != nil:
			// We are stricter than crypto/tls about versions, alerts between
			// records and the length; what it accepts beyond that we must not
			// refuse, and the naive decoder has the same rules.
		case n > 0:
			if _, starved := judge(in[:n]); starved {
				t.Fatalf("crypto/tls wants more than the %d bytes of the ClientHello", n)
			}
			if _, starved := judge(in[:n-1]); !starved {
				t.Fatalf("crypto/tls wants less than the %d bytes of the ClientHello", n)
			}
		case known || !starved:
			t.Fatalf("helloLength waits for more, crypto/tls does not: found %v", known)
		}
	})
}
