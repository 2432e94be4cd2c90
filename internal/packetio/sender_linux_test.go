package packetio

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A kernel that has no room for a reply must not keep the others waiting.
func TestFullSendBufferDropsReplies(t *testing.T) {
	for _, loopback := range families(t) {
		t.Run(loopback.String(), func(t *testing.T) {
			s := listen(t, loopback, Config{Engine: "portable", Workers: 1})[0]
			client, b := dial(t, s.LocalAddr()), NewBatch()
			sender := s.engine.(*portable).sender
			room := sender.raw
			sender.raw = fullSocket(t)
			for range 3 {
				write(t, client, []byte("no room"))
				echo(b, receive(t, s, b))
				sent := make(chan error, 1)
				go func() { sent <- s.Send(b) }()
				select {
				case err := <-sent:
					if err != nil {
						t.Fatal(err)
					}
				case <-time.After(patience):
					t.Fatal("Send waits for room")
				}
			}
			if got := s.Dropped(); got != 3 {
				t.Errorf("Dropped() = %d, want 3", got)
			}
			sender.raw = room
			write(t, client, []byte("room"))
			echo(b, receive(t, s, b))
			send(t, s, b)
			if got := read(t, client); string(got) != "room" {
				t.Errorf("reply %q, want the one that there was room for", got)
			}
		})
	}
}

// fullSocket returns a socket of package net whose send buffer is full and
// stays so. UDP's empties by itself, so this is one between processes, of the
// kind that overlooks the address of what is sent.
func fullSocket(t *testing.T) syscall.RawConn {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(pair[1]) })
	file := os.NewFile(uintptr(pair[0]), "full")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var full error
	err = raw.Write(func(fd uintptr) bool {
		for full == nil {
			_, full = unix.Write(int(fd), []byte("filling"))
		}
		return true
	})
	if err != nil || !errors.Is(full, unix.EAGAIN) {
		t.Fatalf("filling: %v, %v, want %v", err, full, unix.EAGAIN)
	}
	return raw
}
