package streamio

import (
	"strings"
	"testing"
	"time"

	"github.com/shoal-tracker/shoal"
)

// Whoever does not read must not pin memory that the rest of the burst does
// not need.
func TestWritesHoldLittle(t *testing.T) {
	fill := func(size int) string { return "long " + strings.Repeat("x", size-6) + "\n" }
	const reply = "LONG\n"
	tests := []struct {
		name   string
		in     string
		writes []int  // lengths
		large  []bool // whether large memory is borrowed meanwhile
		want   string
	}{
		{"ordinary messages", strings.Repeat("some words\n", 50), []int{550}, []bool{false}, strings.Repeat("SOME WORDS\n", 50)},
		{"one larger than the small memory", fill(readSize), []int{len(reply)}, []bool{false}, reply},
		{"a part that fits the small memory", fill(readSize-1000) + fill(1500), []int{len(reply), len(reply)}, []bool{false, false}, reply + reply},
		{"a part that does not", fill(2000) + fill(readSize-1000), []int{len(reply), len(reply)}, []bool{true, false}, reply + reply},
		{"many replies", fill(2000) + strings.Repeat("medium\n", 6), []int{9008, 9003}, []bool{false, false},
			reply + strings.Repeat(string(medium), 6)},
		{"many replies and much to go", fill(2000) + strings.Repeat("medium\n", 3) + fill(3000) + "medium\n", []int{9008, 3006}, []bool{true, false},
			reply + strings.Repeat(string(medium), 3) + reply + string(medium)},
		{"a reply larger than what is kept", fill(2000) + "large\nmedium\n", []int{100_006, 3001}, []bool{false, false},
			reply + string(large) + string(medium)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s *stream
			var got strings.Builder
			var writes []int
			var borrowed []bool
			in := strings.NewReader(test.in)
			s = &stream{
				Conn: Conn{clock: new(shoal.Clock)},
				socket: &scripted{read: in.Read, write: func(b []byte) {
					got.Write(b)
					writes = append(writes, len(b))
					borrowed = append(borrowed, s.large != nil)
				}},
				port:     &port{portable: &portable{limit: NewLimit(0)}, config: Config{MaxInput: readSize, WriteTimeout: time.Second}},
				protocol: &lines{t: t, closed: make(chan error, 1)},
			}
			s.run()
			if got.String() != test.want {
				t.Errorf("wrote %d bytes, want these %d: %.80q…", got.Len(), len(test.want), test.want)
			}
			if len(writes) != len(test.writes) {
				t.Fatalf("writes of %d bytes, want %d", writes, test.writes)
			}
			for i := range writes {
				if writes[i] != test.writes[i] || borrowed[i] != test.large[i] {
					t.Errorf("writes of %d bytes, large memory borrowed %v; want %d, %v", writes, borrowed, test.writes, test.large)
					break
				}
			}
		})
	}
}
