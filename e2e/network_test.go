//go:build linux

package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// namespacePrefix begins the name of every namespace of this run, and of no
// other: networks number themselves behind it.
var (
	namespacePrefix = "shoal-e2e-" + randomHex(4) + "-"
	networks        atomic.Int32
)

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// network is a bridge in a namespace with hosts on it. Nothing of it is
// visible outside, and no road leads out: the default route ends at the
// bridge, which forwards nothing.
type network struct {
	hub   string
	hosts int
}

// host is a namespace with one IPv4 and one IPv6 address.
type host struct {
	namespace string
	v4, v6    netip.Addr
	page      string // URL of its web server, if there is one
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{hub: fmt.Sprintf("%s%d", namespacePrefix, networks.Add(1))}
	ip(t, "", "netns add "+n.hub)
	t.Cleanup(func() { ip(t, "", "netns del "+n.hub) })
	ip(t, n.hub,
		"link set lo up",
		"link add bridge type bridge",
		"addr add 10.77.0.254/24 dev bridge",
		"addr add fd77::fe/64 dev bridge nodad",
		"link set bridge up")
	return n
}

// host adds a host. Addresses are given in the order of the calls.
func (n *network) host(t *testing.T, name string) *host {
	t.Helper()
	n.hosts++
	h := &host{
		namespace: n.hub + "-" + name,
		v4:        netip.AddrFrom4([4]byte{10, 77, 0, byte(n.hosts)}),
		v6:        netip.MustParseAddr(fmt.Sprintf("fd77::%x", n.hosts)),
	}
	ip(t, "", "netns add "+h.namespace)
	t.Cleanup(func() { ip(t, "", "netns del "+h.namespace) })
	ip(t, n.hub,
		fmt.Sprintf("link add port%d type veth peer name eth0 netns %s", n.hosts, h.namespace),
		fmt.Sprintf("link set port%d master bridge up", n.hosts))
	ip(t, h.namespace,
		"link set lo up",
		fmt.Sprintf("addr add %s/24 dev eth0", h.v4),
		fmt.Sprintf("addr add %s/64 dev eth0 nodad", h.v6),
		"link set eth0 up",
		"route add default via 10.77.0.254",
		"-6 route add default via fd77::fe")
	return h
}

// ip runs the ip program on lines of its arguments, in a namespace if one is
// named.
func ip(t *testing.T, namespace string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		args := strings.Fields(line)
		if namespace != "" {
			args = append([]string{"-n", namespace}, args...)
		}
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// set writes a setting of the kernel for the host alone: a file in /proc/sys.
func (h *host) set(t *testing.T, name, value string) {
	t.Helper()
	write := fmt.Sprintf("echo %s >/proc/sys/%s", value, name)
	if out, err := exec.Command("ip", "netns", "exec", h.namespace, "sh", "-c", write).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", write, err, out)
	}
}

// dial connects from the host. The address must be a literal: only then does
// the socket come from the goroutine that has entered the namespace.
func (h *host) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread is not fit for others and ends with us
		if err = h.enter(); err != nil {
			return
		}
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}()
	<-done
	return conn, err
}

// listen accepts TCP connections on the IPv4 address of the host until the test
// ends. Port 0 is any.
func (h *host) listen(t *testing.T, port uint16) net.Listener {
	t.Helper()
	var listener net.Listener
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, as in dial
		err := h.enter()
		if err == nil {
			listener, err = net.Listen("tcp", netip.AddrPortFrom(h.v4, port).String())
		}
		entered <- err
	}()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// receive is the UDP port of the IPv4 address of the host until the test ends.
func (h *host) receive(t *testing.T, port uint16) net.PacketConn {
	t.Helper()
	var socket net.PacketConn
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, as in dial
		err := h.enter()
		if err == nil {
			socket, err = net.ListenPacket("udp", netip.AddrPortFrom(h.v4, port).String())
		}
		entered <- err
	}()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	return socket
}

// enter moves the calling thread into the namespace of the host.
func (h *host) enter() error {
	namespace, err := os.Open("/run/netns/" + h.namespace)
	if err != nil {
		return err
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering %s: %w", h.namespace, err)
	}
	return nil
}

// httpClient sends requests from the host, each over its own connection.
func (h *host) httpClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: h.dial, DisableKeepAlives: true},
		Timeout:   5 * time.Second,
	}
}
