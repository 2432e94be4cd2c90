//go:build !race

package streamio

import (
	"io"
	"strings"
	"testing"
)

func TestMessagesDoNotAllocate(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(func(*settings, *lines)) *stand) {
		c := start(nil).dial()
		reply := make([]byte, len("LONG\n"))
		for _, size := range []int{100, smallSize, smallSize + 1, readSize} {
			message := []byte("long " + strings.Repeat("x", size-6) + "\n")
			allocs := testing.AllocsPerRun(200, func() {
				if _, err := c.Write(message); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, reply); err != nil {
					t.Fatal(err)
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations for a message of %d bytes", allocs, size)
			}
		}
	})
}
