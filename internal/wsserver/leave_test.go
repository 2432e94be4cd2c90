package wsserver

import (
	"strings"
	"testing"

	"github.com/shoal-tracker/shoal/internal/streamio"
)

// A connection that is told to go lingers for its last words. It is in no torrent
// any more then, and is given no offers.
func TestLeavingComesBeforeTheEnd(t *testing.T) {
	for name, frame := range map[string][]byte{
		"not masked":      {0x81, 0},
		"close":           maskedFrame(closing, true, "", 7),
		"reserved opcode": maskedFrame(3, true, "", 7),
		"ten failures":    []byte(strings.Repeat(string(maskedFrame(text, true, "no JSON", 7)), maxStrikes)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v := w.visit()
			v.say(announce('h', 'a', ""))
			v.hears("h: 0/1")
			then := streamio.Keep
			for in := frame; then == streamio.Keep; {
				var used int
				used, _, then = v.protocol.Bytes(v.Conn, in, nil)
				if in = in[used:]; then == streamio.Keep && len(in) == 0 {
					t.Fatal("the connection stays")
				}
			}
			w.swarm('h', 0, 0)
		})
	}
	t.Run("silence", func(t *testing.T) {
		w := newWorld(t)
		v := w.visit()
		v.say(announce('h', 'a', ""))
		v.hears("h: 0/1")
		v.protocol.(*connection).phase = pinged
		v.protocol.Tick(v.Conn, v.Now())
		if !v.IsClosed() {
			t.Error("the connection stays")
		}
		w.swarm('h', 0, 0)
	})
}
