//go:build linux

package app

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoDescriptors takes all descriptors of the process while connections wait
// to be accepted: the log says so once, kept connections are answered as ever,
// and those that wait are as soon as there are descriptors again.
func TestNoDescriptors(t *testing.T) {
	v := newVictim(t)
	good := v.newClient(t)
	defer good.close()
	good.announce(t)

	// Sockets must be there before, because connecting takes none. Their first
	// words have the kernel hand them over at once.
	const waiting = 50
	request := announceRequest(3, "Connection: close\r\n")
	var clients [waiting]int
	for i := range clients {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(fd)
		clients[i] = fd
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = uint64(clients[waiting-1]) + 20
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	var taken []int
	giveBack := func() {
		for _, fd := range taken {
			syscall.Close(fd)
		}
		taken = nil
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}
	defer giveBack()
	for {
		fd, err := syscall.Dup(clients[0])
		if err == syscall.EMFILE {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, fd)
	}

	to := &syscall.SockaddrInet4{Port: int(v.addr.Port()), Addr: v.addr.Addr().As4()}
	for i, fd := range clients {
		if err := syscall.Connect(fd, to); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if _, err := syscall.Write(fd, request); err != nil {
			t.Fatal(err)
		}
	}
	said := func() int { return strings.Count(v.log.String(), "cannot accept") }
	eventually(t, "the log says that there are no descriptors", func() bool { return said() > 0 })
	// Long enough for accepting to be tried again, more than once.
	for end := v.app.clock.Now().Add(3 * time.Second); v.app.clock.Now() < end; {
		good.ask(t, "without descriptors", good.plain, good.request)
		good.ask(t, "without descriptors, by TLS", good.secure, good.request)
		time.Sleep(5 * time.Millisecond)
	}
	if n := said(); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, v.log.String())
	}

	giveBack()
	answer := make([]byte, 4096)
	for i, fd := range clients {
		patience := syscall.Timeval{Sec: 30}
		if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &patience); err != nil {
			t.Fatal(err)
		}
		n, err := syscall.Read(fd, answer)
		for err == syscall.EINTR { // Go's own signals end a read that has a time limit
			n, err = syscall.Read(fd, answer)
		}
		n = max(n, 0)
		if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
			t.Fatalf("connection %d is answered %q (%v) when there are descriptors again", i, answer[:n], err)
		}
	}
	good.announce(t)
	t.Logf("%d connections waited without descriptors, and were answered after; %d announces of others meanwhile", waiting, good.answered)
}
