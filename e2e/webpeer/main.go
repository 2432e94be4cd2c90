// Command webpeer is any number of WebTorrent peers made of pion/webrtc: each
// knows the URL of a tracker and an info hash, and learns everything else from
// that tracker. Over a data channel whoever has the data says "have", whoever
// wants it says "want", and then it comes, in pieces.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

// payloadName is the file that is moved.
const payloadName = "payload.bin"

func main() {
	var c crowd
	flag.StringVar(&c.tracker, "tracker", "", "`URL` of the tracker")
	flag.StringVar(&c.infoHash, "info-hash", "", "40 hexadecimal `digits`")
	flag.Int64Var(&c.size, "size", 0, "`bytes` of the data")
	flag.StringVar(&c.dir, "dir", "", "`directory` of the data: a seeder's is "+payloadName)
	flag.IntVar(&c.peers, "peers", 1, "how many peers")
	flag.IntVar(&c.seeders, "seeders", 0, "how many of them have the data")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.run(ctx); err != nil {
		log.Fatal(err)
	}
}

// crowd is the peers of one process.
type crowd struct {
	tracker, infoHash string
	size              int64
	dir               string
	peers, seeders    int

	held     atomic.Int64 // bytes of all of them
	channels atomic.Int64 // ever opened
	refused  atomic.Int64 // messages of the tracker that were not as they should be
}

// run prints "HELD WANTED CHANNELS REFUSED" five times a second.
func (c *crowd) run(ctx context.Context) error {
	var data []byte
	if c.seeders > 0 {
		var err error
		if data, err = os.ReadFile(filepath.Join(c.dir, payloadName)); err != nil {
			return err
		}
		if int64(len(data)) != c.size {
			return errors.New("the data has another size")
		}
	}
	for i := range c.peers {
		p, err := newPeer(c, i)
		if err != nil {
			return fmt.Errorf("peer %d: %w", i, err)
		}
		if i < c.seeders {
			p.data = data
			c.held.Add(c.size)
		}
		go p.live(ctx)
	}
	for {
		fmt.Printf("%d %d %d %d\n", c.held.Load(), c.size*int64(c.peers), c.channels.Load(), c.refused.Load())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// store writes what a leecher received.
func (c *crowd) store(i int, data []byte) error {
	name := payloadName
	if c.peers > 1 {
		name = fmt.Sprintf("peer-%d.bin", i)
	}
	return os.WriteFile(filepath.Join(c.dir, name), data, 0o644)
}
