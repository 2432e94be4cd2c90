package streamio

import (
	"io"
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal"
)

// Connections that wait must not hold memory which only requests need, however
// large the last one was.
func TestIdleConnectionBorrowsNothing(t *testing.T) {
	tests := []struct {
		name string
		size int
		room []int // offered to each read
	}{
		{"ordinary", smallSize - 1, []int{smallSize, smallSize}},
		{"fills the small memory", smallSize, []int{smallSize, smallSize}},
		{"larger", smallSize + 1, []int{smallSize, readSize - smallSize, smallSize}},
		{"fills the large memory", readSize, []int{smallSize, readSize - smallSize, smallSize}},
		{"larger still", readSize + 1, []int{smallSize, readSize - smallSize, readSize, smallSize}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s *stream
			p := &lines{t: t, closed: make(chan error, 1), ticks: make(chan shoal.Tick, 1)}
			message := strings.NewReader("long " + strings.Repeat("x", test.size-6) + "\n")
			var room []int
			read := func(b []byte) (int, error) {
				room = append(room, len(b))
				if idle := message.Len() == 0; idle && s.large != nil {
					t.Error("large memory is held while nothing is to be read")
				}
				return message.Read(b)
			}
			s = &stream{
				Conn:     Conn{clock: new(shoal.Clock)},
				socket:   &scripted{read: read},
				port:     &port{portable: &portable{limit: NewLimit(0)}, config: Config{MaxInput: 10 * readSize}},
				protocol: p,
			}
			s.run()
			if why := wait(t, p.closed); why != io.EOF {
				t.Errorf("Closed(%v), want EOF", why)
			}
			if len(room) != len(test.room) {
				t.Fatalf("reads of %d bytes, want %d", room, test.room)
			}
			for i := range room {
				if room[i] != test.room[i] {
					t.Errorf("reads of %d bytes, want %d", room, test.room)
					break
				}
			}
		})
	}
}

// A message keeps its bytes while the memory around it changes.
func TestMessageOutgrowsItsMemory(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		c := start(func(c *settings, _ *lines) { c.MaxInput = 5 * readSize }).dial()
		for _, size := range []int{smallSize, smallSize + 1, readSize, readSize + 1, 4 * readSize, 10} {
			var message strings.Builder
			for message.Len() < size-1 {
				message.WriteByte("abcdefghijklmnopqrstuvw"[message.Len()%23])
			}
			in := message.String() + "\n"
			// In pieces, and with the beginning of the next.
			send(t, c, in[:size/3])
			send(t, c, in[size/3:]+"next")
			expect(t, c, strings.ToUpper(in))
			send(t, c, " one\n")
			expect(t, c, "NEXT ONE\n")
		}
	})
}
