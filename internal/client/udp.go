package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/udptracker"
)

// The times of BEP 15: a request is sent again after 15 seconds, and then
// after twice as long each time, up to eight times; a connection ID may be used
// for a minute.
const (
	firstWait          = 15 * time.Second
	mostRepetitions    = 8
	connectionLifetime = time.Minute
)

// datagramSize is the largest datagram there can be, so that no reply is read
// in part.
const datagramSize = 1 << 16

func announceUDP(ctx context.Context, u *url.URL, req *shoal.AnnounceRequest) (*Reply, error) {
	s, err := dialUDP(ctx, u.Host)
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	return s.announce(ctx, req, urlData(u))
}

func scrapeUDP(ctx context.Context, wait time.Duration, u *url.URL, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	s, err := dialUDP(ctx, u.Host)
	if err != nil {
		return nil, err
	}
	defer s.conn.Close()
	s.wait = wait
	return s.scrape(ctx, hashes)
}

// urlData is what BEP 41 tells the tracker about its URL. The usual path says
// nothing that the port does not, and some trackers refuse options they do not
// know; so it is told only where it may matter.
func urlData(u *url.URL) string {
	data := u.RequestURI()
	if data == "/" || data == "/announce" {
		return ""
	}
	return data
}

// udpSession is a client's acquaintance with one tracker.
type udpSession struct {
	conn net.Conn
	ipv6 bool
	wait time.Duration // before a request is sent again for the first time

	connectionID uint64
	connected    time.Time

	packet, room []byte
}

// dialUDP resolves the host; it sends nothing. The socket is connected, which
// has the kernel drop what others send and report a closed port.
func dialUDP(ctx context.Context, host string) (*udpSession, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", host)
	if err != nil {
		return nil, because(ctx, err)
	}
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("address of the tracker: %w", err)
	}
	return &udpSession{
		conn: conn,
		ipv6: remote.Addr().Unmap().Is6(),
		wait: firstWait,
		room: make([]byte, datagramSize),
	}, nil
}

func (s *udpSession) announce(ctx context.Context, req *shoal.AnnounceRequest, urlData string) (*Reply, error) {
	var reply *Reply
	key := rand.Uint32()
	err := s.request(ctx, func(dst []byte, transaction uint32) []byte {
		return udptracker.AppendAnnounce(dst, s.connectionID, transaction, req, key, urlData)
	}, func(p []byte, transaction uint32) error {
		res, err := udptracker.ParseAnnounceReply(p, transaction, s.ipv6)
		if err != nil {
			return err
		}
		reply = &Reply{Interval: res.Interval, Complete: res.Complete, Incomplete: res.Incomplete}
		reply.Peers = appendPeers(reply.Peers, res.Peers4, shoal.CompactSize4)
		reply.Peers = appendPeers(reply.Peers, res.Peers6, shoal.CompactSize6)
		return nil
	})
	return reply, err
}

// scrape goes on behind what was answered, because many trackers answer fewer
// torrents than BEP 15 allows to ask for.
func (s *udpSession) scrape(ctx context.Context, hashes []shoal.InfoHash) ([]shoal.ScrapeCounts, error) {
	counts := make([]shoal.ScrapeCounts, 0, len(hashes))
	for len(counts) < len(hashes) {
		before := len(counts)
		asked := hashes[before:min(len(hashes), before+udptracker.MaxScrape)]
		err := s.request(ctx, func(dst []byte, transaction uint32) []byte {
			return udptracker.AppendScrape(dst, s.connectionID, transaction, asked)
		}, func(p []byte, transaction uint32) (err error) {
			counts, err = udptracker.ParseScrapeReply(p, transaction, counts[:before])
			return err
		})
		if err != nil {
			return nil, err
		}
		if n := len(counts) - before; n == 0 || n > len(asked) {
			return nil, fmt.Errorf("tracker answered for %d torrents of %d", n, len(asked))
		}
	}
	return counts, nil
}

// The two directions of one packet: write appends the request, read takes the
// reply or says what is wrong with it.
type (
	writer func(dst []byte, transaction uint32) []byte
	reader func(p []byte, transaction uint32) error
)

// request sends a request, again and again, until it is answered.
func (s *udpSession) request(ctx context.Context, write writer, read reader) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	wait := s.wait
	for range mostRepetitions + 1 {
		answered, err := s.attempt(ctx, wait, write, read)
		if answered || err != nil {
			return err
		}
		wait *= 2
	}
	return fmt.Errorf("no answer to %d packets", mostRepetitions+1)
}

// attempt sends a request once, after a connect if the connection ID is too
// old for it.
func (s *udpSession) attempt(ctx context.Context, wait time.Duration, write writer, read reader) (answered bool, err error) {
	if time.Since(s.connected) >= connectionLifetime {
		answered, err := s.exchange(ctx, wait, udptracker.AppendConnect, s.readConnect)
		if err != nil {
			return false, fmt.Errorf("connect: %w", err)
		}
		if !answered {
			return false, nil
		}
	}
	return s.exchange(ctx, wait, write, read)
}

func (s *udpSession) readConnect(p []byte, transaction uint32) (err error) {
	s.connectionID, err = udptracker.ParseConnectReply(p, transaction)
	if err == nil {
		s.connected = time.Now()
	}
	return err
}

// exchange sends one packet and waits for its answer; without one in time it
// returns false. What does not know the transaction is passed over.
func (s *udpSession) exchange(ctx context.Context, wait time.Duration, write writer, read reader) (answered bool, err error) {
	transaction := rand.Uint32()
	s.packet = write(s.packet[:0], transaction)
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return false, err
	}
	if _, err := s.conn.Write(s.packet); err != nil {
		return false, err
	}
	for {
		// Looked at after the deadline was set, so that one of them is seen.
		if ctx.Err() != nil {
			return false, because(ctx, nil)
		}
		n, err := s.conn.Read(s.room)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if ctx.Err() != nil {
				continue
			}
			return false, nil
		}
		if err != nil {
			return false, err
		}
		err = read(s.room[:n], transaction)
		if n < udptracker.ReplyHeader || errors.Is(err, udptracker.ErrReplyTransaction) {
			continue
		}
		if remote, ok := errors.AsType[*udptracker.RemoteError](err); ok {
			return false, &RefusedError{Reason: remote.Text}
		}
		return err == nil, err
	}
}

// appendPeers appends the peers of a compact list whose entries take size
// bytes each.
func appendPeers(peers []netip.AddrPort, compact []byte, size int) []netip.AddrPort {
	for ; len(compact) >= size; compact = compact[size:] {
		addr, _ := netip.AddrFromSlice(compact[:size-2])
		peers = append(peers, netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(compact[size-2:])))
	}
	return peers
}
