package udptracker

import (
	"errors"
	"testing"
)

func TestParseConnectReply(t *testing.T) {
	whole := packet(t, goldenConnectReply)
	if id, err := ParseConnectReply(whole, goldenTransaction); id != goldenConnectionID || err != nil {
		t.Errorf("got %#x, %v", id, err)
	}
	if id, err := ParseConnectReply(append(whole, 1, 2, 3), goldenTransaction); id != goldenConnectionID || err != nil {
		t.Errorf("trailing bytes: got %#x, %v", id, err)
	}
	for n := range whole {
		if id, err := ParseConnectReply(whole[:n], goldenTransaction); id != 0 || !errors.Is(err, ErrReplyShort) {
			t.Errorf("%d bytes: got %#x, %v", n, id, err)
		}
	}
}
