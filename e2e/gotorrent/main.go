// Command gotorrent is anacrolix/torrent as a bare client: it adds one torrent
// that it finds peers for through the tracker alone, over TCP alone or WebRTC
// alone, and prints what it holds until it is told to stop.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

func main() {
	file := flag.String("torrent", "", "torrent `file`")
	dir := flag.String("dir", "", "`directory` of the data")
	port := flag.Int("port", 6881, "TCP `port` to listen on")
	web := flag.Bool("web", false, "WebRTC and WebTorrent trackers instead of TCP and others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *file, *dir, *port, *web); err != nil {
		log.Fatal(err)
	}
}

// run prints "COMPLETE TOTAL", both in bytes, five times a second.
func run(ctx context.Context, file, dir string, port int, web bool) error {
	config := torrent.NewDefaultClientConfig()
	config.ListenPort = port
	config.Seed = true
	config.NoDHT = true
	config.DisablePEX = true
	config.DisableUTP = true
	config.DisableWebtorrent = !web
	config.DisableTCP = web
	config.Callbacks.StatusUpdated = append(config.Callbacks.StatusUpdated, func(e torrent.StatusUpdatedEvent) {
		if e.Error != nil {
			log.Printf("%s: %v", e.Event, e.Error)
		}
	})
	config.NoDefaultPortForwarding = true
	config.MaxAllocPeerRequestDataPerConn = 64 << 20 // with 1 MiB uploads to libtorrent have stalled
	config.DefaultStorage = storage.NewFileWithCompletion(dir, storage.NewMapPieceCompletion())
	client, err := torrent.NewClient(config)
	if err != nil {
		return fmt.Errorf("starting the client: %w", err)
	}
	defer client.Close()

	info, err := metainfo.LoadFromFile(file)
	if err != nil {
		return fmt.Errorf("reading the torrent: %w", err)
	}
	spec, err := torrent.TorrentSpecFromMetaInfoErr(info)
	if err != nil {
		return fmt.Errorf("reading the torrent: %w", err)
	}
	// The tracker comes last: an announce by a client that does not know yet
	// what it wants asks for no peers, and the next is a minute away.
	trackers := spec.Trackers
	spec.Trackers = nil
	t, _, err := client.AddTorrentSpec(spec)
	if err != nil {
		return fmt.Errorf("adding the torrent: %w", err)
	}
	<-t.GotInfo()
	if err := t.VerifyDataContext(ctx); err != nil {
		return fmt.Errorf("checking the data: %w", err)
	}
	t.DownloadAll()
	t.AddTrackers(trackers)
	for ctx.Err() == nil {
		fmt.Printf("%d %d\n", t.BytesCompleted(), t.Length())
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
