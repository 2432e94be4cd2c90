package streamio

import (
	"crypto/tls"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadCPU is what the calling thread has computed.
func threadCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

func processCPU() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return time.Duration(ts.Nano())
}

// meteredWire counts the server's thread only while it does not wait.
type meteredWire struct {
	*tlsLink
	since, spent time.Duration
}

func (w *meteredWire) read(b []byte) (int, error) {
	w.spent += threadCPU() - w.since
	n, err := w.tlsLink.read(b)
	w.since = threadCPU()
	return n, err
}

// BenchmarkHandshake counts the processor time of the server for one handshake
// and one answer, without system calls: server-ns/op. both-ns/op is the whole
// process, with the client and the garbage collector.
func BenchmarkHandshake(b *testing.B) {
	hybrid := []tls.CurveID{tls.X25519MLKEM768, tls.X25519}
	classic := []tls.CurveID{tls.X25519}
	for _, certificate := range []struct {
		name string
		get  func() tls.Certificate
	}{{"ECDSA-P256", ecdsaCertificate}, {"RSA-2048", rsaCertificate}} {
		for _, kind := range []struct {
			name    string
			version uint16
			curves  []tls.CurveID
		}{
			{"TLS1.2/X25519", tls.VersionTLS12, classic},
			{"TLS1.3/X25519", tls.VersionTLS13, classic},
			{"TLS1.3/X25519MLKEM768", tls.VersionTLS13, hybrid},
		} {
			for _, resumed := range []bool{false, true} {
				how := "full"
				if resumed {
					how = "resumed"
				}
				b.Run(fmt.Sprintf("%s/%s/%s", certificate.name, kind.name, how), func(b *testing.B) {
					s := newTLSStand(kind.version)
					s.server.Certificates = []tls.Certificate{certificate.get()}
					s.server.CurvePreferences = kind.curves
					s.client.CurvePreferences = hybrid
					if kind.version == tls.VersionTLS12 {
						s.client.CurvePreferences = classic
					}
					if resumed {
						s.client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
					}
					benchmarkHandshake(b, s, kind.curves[0], resumed)
				})
			}
		}
	}
}

func benchmarkHandshake(b *testing.B, s *tlsStand, curve tls.CurveID, resumed bool) {
	links, spent := make(chan *tlsLink), make(chan time.Duration)
	go func() {
		runtime.LockOSThread()
		defer close(spent)
		for link := range links {
			w := &meteredWire{tlsLink: link, since: threadCPU()}
			server := newSecure(&TLS{Config: s.server, Handshakes: s.handshakes}, tlsRemote, tlsLocal)
			if err := server.handshake(w); err != nil {
				b.Error(err)
			}
			link.write(server.write([]byte("an answer"), nil))
			spent <- w.spent + threadCPU() - w.since
		}
	}()
	defer func() {
		close(links)
		<-spent
	}()
	var server time.Duration
	answer := make([]byte, len("an answer"))
	one := func(resumed bool) {
		link := newTLSLink(0)
		links <- link
		c := tls.Client(tlsClientSide{link}, s.client)
		if err := c.Handshake(); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, answer); err != nil { // and the ticket before it
			b.Fatal(err)
		}
		server += <-spent
		if state := c.ConnectionState(); state.DidResume != resumed || state.CurveID != curve && !(resumed && state.Version == tls.VersionTLS12) {
			b.Fatalf("resumed %v, by %v", state.DidResume, state.CurveID)
		}
	}
	for i := range 20 {
		one(resumed && i > 0)
	}
	server = 0
	before := processCPU()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		one(resumed)
	}
	b.ReportMetric(float64(server.Nanoseconds())/float64(b.N), "server-ns/op")
	b.ReportMetric(float64((processCPU()-before).Nanoseconds())/float64(b.N), "both-ns/op")
}
