package packetio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds a test that would hang; nothing is measured against it.
const patience = 10 * time.Second

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
)

// families returns the loopback address of each family that this machine has.
// There is always IPv4; a machine without IPv6 has nothing to test of it, and
// the log says so.
func families(t *testing.T) []netip.Addr {
	t.Helper()
	probe, err := net.ListenUDP("udp6", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback6, 0)))
	if err != nil {
		t.Logf("NOT TESTED over IPv6, this machine has no %v: %v", loopback6, err)
		return []netip.Addr{loopback4}
	}
	probe.Close()
	return []netip.Addr{loopback4, loopback6}
}

// conform runs test on every engine that works here, over every family.
func conform(t *testing.T, test func(t *testing.T, loopback netip.Addr, c Config)) {
	loopbacks := families(t)
	for _, e := range engines {
		if err := e.works(); err != nil {
			t.Logf("%s: %v", e.name, err)
			continue
		}
		for _, loopback := range loopbacks {
			t.Run(fmt.Sprintf("%s/%v", e.name, loopback), func(t *testing.T) {
				c := DefaultConfig()
				c.Engine, c.Workers = e.name, 1
				test(t, loopback, c)
			})
		}
	}
}

// listen is Listen on a free port, closed when the test ends.
func listen(t *testing.T, addr netip.Addr, c Config) []*Socket {
	t.Helper()
	sockets, err := Listen(netip.AddrPortFrom(addr, 0), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range sockets {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return sockets
}

// dial returns a client that hears nobody but to.
func dial(t *testing.T, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c *net.UDPConn, data []byte) {
	t.Helper()
	if _, err := c.Write(data); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c *net.UDPConn) []byte {
	t.Helper()
	room := make([]byte, 4096)
	n, err := c.Read(room)
	if err != nil {
		t.Fatal(err)
	}
	return room[:n]
}

func receive(t *testing.T, s *Socket, b *Batch) int {
	t.Helper()
	n, err := s.Receive(b)
	if err != nil {
		t.Fatal(err)
	}
	if n < 1 || n > BatchSize {
		t.Fatalf("Receive returned %d datagrams", n)
	}
	return n
}

func send(t *testing.T, s *Socket, b *Batch) {
	t.Helper()
	if err := s.Send(b); err != nil {
		t.Fatal(err)
	}
}

// echo sets each packet as its own reply.
func echo(b *Batch, n int) {
	for i := range n {
		data, _ := b.Packet(i)
		b.SetReply(i, len(append(b.Reply(i), data...)))
	}
}

// serve echoes until the socket is closed and then reports on the channel.
func serve(s *Socket) chan error {
	done := make(chan error, 1)
	go func() {
		b := NewBatch()
		for {
			n, err := s.Receive(b)
			if err == nil {
				echo(b, n)
				err = s.Send(b)
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}

func TestEcho(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		if s.Engine() != c.Engine {
			t.Errorf("Engine() = %q, asked for %q", s.Engine(), c.Engine)
		}
		client, b := dial(t, s.LocalAddr()), NewBatch()
		for _, size := range []int{1, 16, 98, 1000, ReplySize} {
			want := bytes.Repeat([]byte{byte(size)}, size)
			write(t, client, want)
			n := receive(t, s, b)
			data, from := b.Packet(0)
			if n != 1 || !bytes.Equal(data, want) {
				t.Fatalf("received %d datagrams, the first %x, want %x", n, data, want)
			}
			if asker := client.LocalAddr().(*net.UDPAddr).AddrPort(); from != asker {
				t.Errorf("from %v, sent from %v", from, asker)
			}
			echo(b, n)
			send(t, s, b)
			if got := read(t, client); !bytes.Equal(got, want) {
				t.Errorf("reply %x, want %x", got, want)
			}
		}
	})
}

func TestEmptyDatagram(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		client, b := dial(t, s.LocalAddr()), NewBatch()
		write(t, client, nil)
		if receive(t, s, b); b.lengths[0] != 0 {
			t.Errorf("an empty datagram has %d bytes", b.lengths[0])
		}
		b.SetReply(0, len(append(b.Reply(0), "empty"...)))
		send(t, s, b)
		if got := read(t, client); string(got) != "empty" {
			t.Errorf("reply %q", got)
		}
	})
}

func TestHundredDatagrams(t *testing.T) {
	const count = 100
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		b := NewBatch()
		clients := make([]*net.UDPConn, count)
		for i := range clients {
			clients[i] = dial(t, s.LocalAddr())
			write(t, clients[i], fmt.Appendf(nil, "question %d", i))
		}
		var sizes []int
		for seen := 0; seen < count; {
			n := receive(t, s, b)
			for i := range n {
				data, from := b.Packet(i)
				b.SetReply(i, len(fmt.Appendf(b.Reply(i), "%s of %v", data, from)))
			}
			send(t, s, b)
			sizes = append(sizes, n)
			seen += n
		}
		if want := []int{64, 36}; c.Engine == "mmsg" && !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
		for i, client := range clients {
			want := fmt.Sprintf("question %d of %v", i, client.LocalAddr())
			if got := read(t, client); string(got) != want {
				t.Errorf("reply %q, want %q", got, want)
			}
		}
	})
}

// Replies of one socket to one client keep their order on loopback, so what
// arrives before the last is all there was.
func TestOnlyRepliesSetAreSent(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		client, b := dial(t, s.LocalAddr()), NewBatch()
		const count = 9
		for i := range count {
			write(t, client, []byte{byte(i)})
		}
		for seen := 0; seen < count; {
			n := receive(t, s, b)
			for i := range n {
				data, _ := b.Packet(i)
				room := b.Reply(i)
				if len(room) != 0 || cap(room) != ReplySize {
					t.Fatalf("a room of %d bytes, capacity %d", len(room), cap(room))
				}
				length := len(append(room, data...))
				switch data[0] % 3 {
				case 0: // written, but not set
				case 1:
					b.SetReply(i, length)
				case 2: // set and taken back
					b.SetReply(i, length)
					b.SetReply(i, 0)
				}
			}
			send(t, s, b)
			send(t, s, b) // sends nothing twice
			seen += n
		}
		write(t, client, []byte{count})
		echo(b, receive(t, s, b))
		send(t, s, b)
		var got []byte
		for len(got) == 0 || got[len(got)-1] != count {
			got = append(got, read(t, client)...)
		}
		if want := []byte{1, 4, 7, count}; !bytes.Equal(got, want) {
			t.Errorf("replies %v, want %v", got, want)
		}
	})
}

func TestOversizeDatagramIsCut(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		client, b := dial(t, s.LocalAddr()), NewBatch()
		var sent [][]byte
		for i, size := range []int{PacketSize - 1, PacketSize, PacketSize + 1, 9000, 16} {
			data := bytes.Repeat([]byte{'a' + byte(i)}, size)
			write(t, client, data)
			if size > PacketSize && runtime.GOOS == "windows" {
				continue // dropped, not cut
			}
			sent = append(sent, data)
		}
		for len(sent) > 0 {
			for i := range receive(t, s, b) {
				data, _ := b.Packet(i)
				if want := sent[0][:min(len(sent[0]), PacketSize)]; !bytes.Equal(data, want) {
					t.Errorf("received %d bytes of %.1q, want %d of %.1q", len(data), data, len(want), want)
				}
				sent = sent[1:]
			}
		}
	})
}

func TestRefusedReplyIsCountedAndTheOthersSent(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		client, b := dial(t, s.LocalAddr()), NewBatch()
		for i := range 5 {
			write(t, client, []byte{byte(i)})
		}
		for seen := 0; seen < 5; {
			n := receive(t, s, b)
			echo(b, n)
			for i := range n {
				if data, _ := b.Packet(i); data[0]%2 == 1 {
					toPortZero(b, i) // the kernel refuses to send there
				}
			}
			send(t, s, b)
			seen += n
		}
		for _, want := range []byte{0, 2, 4} {
			if got := read(t, client); !bytes.Equal(got, []byte{want}) {
				t.Errorf("reply %v, want %v", got, want)
			}
		}
		if got := s.Dropped(); got != 2 {
			t.Errorf("Dropped() = %d, want 2", got)
		}
	})
}

func TestCloseWakesReceive(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		for _, addr := range []netip.Addr{loopback, unspecified(loopback)} {
			s := listen(t, addr, c)[0]
			done := serve(s)
			client := dial(t, netip.AddrPortFrom(loopback, s.LocalAddr().Port()))
			write(t, client, []byte("awake"))
			read(t, client) // its worker is about to wait again
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done:
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("Receive returned %v, want net.ErrClosed", err)
				}
			case <-time.After(patience):
				t.Fatal("Receive did not wake")
			}
			b := NewBatch()
			if _, err := s.Receive(b); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Receive after Close: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
		}
	})
}

func TestSendAfterClose(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		b := NewBatch()
		write(t, dial(t, s.LocalAddr()), []byte("late"))
		echo(b, receive(t, s, b))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Send(b); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Send after Close: %v, want net.ErrClosed", err)
		}
		if got := s.Dropped(); got != 0 {
			t.Errorf("Dropped() = %d", got)
		}
	})
}

// A batch outlives the socket that filled it, also one that was closed while it
// waited; the kernel writes into the batch's headers how much it used.
func TestBatchGoesOnWithAnotherSocket(t *testing.T) {
	var addrs []netip.Addr
	for _, loopback := range families(t) {
		addrs = append(addrs, loopback, unspecified(loopback))
	}
	addrs = append(addrs, loopback4)
	for _, e := range engines {
		if e.works() != nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			b := NewBatch()
			for _, addr := range addrs {
				s := listen(t, addr, Config{Engine: e.name, Workers: 1})[0]
				asked := addr
				switch addr {
				case netip.IPv4Unspecified():
					asked = loopback4
				case netip.IPv6Unspecified():
					asked = loopback6
				}
				client := dial(t, netip.AddrPortFrom(asked, s.LocalAddr().Port()))
				write(t, client, []byte("again"))
				n := receive(t, s, b)
				if _, from := b.Packet(0); from != client.LocalAddr().(*net.UDPAddr).AddrPort() {
					t.Errorf("on %v: from %v, sent from %v", addr, from, client.LocalAddr())
				}
				if wild := addr.IsUnspecified() && hasPktinfo; wild != (b.controls[0] > 0) {
					t.Errorf("on %v: a control message of %d bytes", addr, b.controls[0])
				}
				echo(b, n)
				send(t, s, b)
				if got := read(t, client); string(got) != "again" {
					t.Errorf("on %v: reply %q", addr, got)
				}
				done := make(chan error, 1)
				go func() {
					_, err := s.Receive(b)
					done <- err
				}()
				time.Sleep(20 * time.Millisecond) // most likely it waits now
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if err := <-done; !errors.Is(err, net.ErrClosed) {
					t.Errorf("Receive after Close: %v", err)
				}
			}
		})
	}
}

func TestReceiveForgetsReplies(t *testing.T) {
	conform(t, func(t *testing.T, loopback netip.Addr, c Config) {
		s := listen(t, loopback, c)[0]
		client, b := dial(t, s.LocalAddr()), NewBatch()
		for _, question := range []string{"set, but not sent", "not set", "echoed"} {
			write(t, client, []byte(question))
			n := receive(t, s, b)
			if question != "set, but not sent" {
				send(t, s, b)
			}
			echo(b, n)
		}
		send(t, s, b)
		if got := read(t, client); string(got) != "echoed" {
			t.Errorf("the first reply is %q", got)
		}
	})
}

// One batch between two sockets: the kernel used less of a header for the
// first than the second needs.
func TestBatchAlternates(t *testing.T) {
	loopbacks := families(t)
	longest := loopbacks[len(loopbacks)-1] // IPv6 needs more of a header
	for _, e := range engines {
		if e.works() != nil {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			c, b := Config{Engine: e.name, Workers: 1}, NewBatch()
			little, much := listen(t, loopback4, c)[0], listen(t, unspecified(longest), c)[0]
			client4 := dial(t, little.LocalAddr())
			client := dial(t, netip.AddrPortFrom(longest, much.LocalAddr().Port()))
			for range 3 {
				write(t, client4, []byte("little"))
				receive(t, little, b)
				write(t, client, []byte("much"))
				receive(t, much, b)
				if _, from := b.Packet(0); from != client.LocalAddr().(*net.UDPAddr).AddrPort() {
					t.Errorf("from %v, sent from %v", from, client.LocalAddr())
				}
				if hasPktinfo && b.controls[0] == 0 {
					t.Error("the control message is lost")
				}
			}
		})
	}
}

func TestSetReplyKnowsItsRoom(t *testing.T) {
	for _, n := range []int{-1, ReplySize + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("SetReply(0, %d) was taken", n)
				}
			}()
			NewBatch().SetReply(0, n)
		}()
	}
}

// unspecified returns the wildcard address of addr's family.
func unspecified(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// inUse says whether err is what a used port gives.
func inUse(err error) bool {
	if runtime.GOOS == "windows" {
		return err != nil // WSAEADDRINUSE is not syscall's EADDRINUSE there
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// number is the first 4 bytes of a packet.
func number(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
