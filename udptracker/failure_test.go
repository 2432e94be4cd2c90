package udptracker

import (
	"errors"
	"testing"
)

func TestRemoteError(t *testing.T) {
	tests := []struct {
		name string
		text string
		want string
		says string
	}{
		{"plain", "go away", "go away", `tracker refused: "go away"`},
		{"nothing", "", "", `tracker refused: ""`},
		{"zero at the end", "no\x00", "no", `tracker refused: "no"`},
		{"terminal escape", "\x1b[2Jno\n", "\x1b[2Jno\n", `tracker refused: "\x1b[2Jno\n"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseConnectReply(AppendError(nil, 7, test.text), 7)
			var remote *RemoteError
			if !errors.As(err, &remote) {
				t.Fatalf("got %v, want a RemoteError", err)
			}
			if remote.Text != test.want || remote.Error() != test.says {
				t.Errorf("got %q, %s; want %q, %s", remote.Text, remote, test.want, test.says)
			}
		})
	}
}
