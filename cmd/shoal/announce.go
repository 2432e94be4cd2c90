package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/client"
)

// announceFlags are what an announce says beside its torrent.
type announceFlags struct {
	left    uint64
	event   string
	numWant int32
	port    uint16
	peerID  string
	timeout time.Duration
	json    bool
}

func newAnnounceCommand() *cobra.Command {
	var flags announceFlags
	cmd := &cobra.Command{
		Use:   "announce URL INFOHASH",
		Short: "Ask a tracker for peers",
		Long: `Ask a tracker for the peers of a torrent, as a BitTorrent client does.

URL begins with udp://, http://, https://, ws:// or wss://; INFOHASH has 40
hexadecimal digits, or the 64 of version 2. The tracker will hand out this
machine's address until it is told --event stopped with the same port, or gives
up waiting.

Over ws:// and wss:// trackers tell nobody's address: browsers are introduced to
each other by their offers. This command makes none. It shows the counts of the
browsers, itself among them, and leaves as soon as it has the answer.`,
		Example: `  shoal announce udp://127.0.0.1:6969/announce 0123456789abcdef0123456789abcdef01234567
  shoal announce http://127.0.0.1:6969/announce 0123456789abcdef0123456789abcdef01234567 --left 0 --json
  shoal announce ws://127.0.0.1:6969/announce 0123456789abcdef0123456789abcdef01234567`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			req, err := flags.request(args[1])
			if err != nil {
				return err
			}
			ctx, cancel, err := withTimeout(cmd.Context(), flags.timeout)
			if err != nil {
				return err
			}
			defer cancel()
			reply, err := client.Announce(ctx, args[0], req)
			if err != nil {
				return err
			}
			if flags.json {
				return writeAnnounceJSON(cmd.OutOrStdout(), reply)
			}
			return writeAnnounceTable(cmd.OutOrStdout(), reply)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&flags.left, "left", 16<<10, "bytes still needed; 0: a seeder")
	f.StringVar(&flags.event, "event", "started", "started, completed, stopped, paused or none")
	f.Int32Var(&flags.numWant, "numwant", shoal.NumWantDefault, "peers wanted; -1: as many as the tracker likes; no use over ws")
	f.Uint16Var(&flags.port, "port", 6881, "port to be handed out with this machine's address; not over ws")
	f.StringVar(&flags.peerID, "peer-id", "", "20 characters or 40 hexadecimal digits (default: random)")
	addClientFlags(cmd, &flags.timeout, &flags.json)
	return cmd
}

// addClientFlags adds the flags of every command that asks a tracker.
func addClientFlags(cmd *cobra.Command, timeout *time.Duration, asJSON *bool) {
	cmd.Flags().DurationVar(timeout, "timeout", 20*time.Second, "how long to wait for an answer")
	cmd.Flags().BoolVar(asJSON, "json", false, "print one JSON object")
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc, error) {
	if timeout <= 0 {
		return nil, nil, fmt.Errorf("--timeout %v: it must be more than 0", timeout)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("waited for %v", timeout))
	return ctx, cancel, nil
}

func (f *announceFlags) request(infoHash string) (*shoal.AnnounceRequest, error) {
	hash, errHash := shoal.ParseInfoHash(infoHash)
	event, errEvent := parseEvent(f.event)
	peerID, errPeerID := parsePeerID(f.peerID)
	if err := errors.Join(errHash, errEvent, errPeerID); err != nil {
		return nil, err
	}
	return &shoal.AnnounceRequest{
		InfoHash: hash,
		PeerID:   peerID,
		Addr:     netip.AddrPortFrom(netip.Addr{}, f.port),
		Left:     f.left,
		NumWant:  int(max(f.numWant, shoal.NumWantDefault)),
		Event:    event,
	}, nil
}

func parseEvent(s string) (shoal.Event, error) {
	if s == "none" || s == "" {
		return shoal.EventNone, nil
	}
	for event := shoal.EventCompleted; event <= shoal.EventPaused; event++ {
		if s == event.String() {
			return event, nil
		}
	}
	return 0, fmt.Errorf("--event %q: it must be started, completed, stopped, paused or none", s)
}

// parsePeerID makes up a peer ID where none is given: random, because one that
// were always the same would have trackers take two users for one.
func parsePeerID(s string) (id shoal.PeerID, err error) {
	switch len(s) {
	case 0:
		const characters = "0123456789abcdefghijklmnopqrstuvwxyz"
		for i := copy(id[:], "-SH0000-"); i < len(id); i++ {
			id[i] = characters[rand.IntN(len(characters))]
		}
		return id, nil
	case len(id):
		return shoal.PeerID([]byte(s)), nil
	case 2 * len(id):
		if _, err := hex.Decode(id[:], []byte(s)); err == nil {
			return id, nil
		}
	}
	return id, fmt.Errorf("--peer-id %q: it must have 20 characters or 40 hexadecimal digits", s)
}

// announceResult is the shape of --json.
type announceResult struct {
	Interval    uint32           `json:"interval"`     // seconds
	MinInterval uint32           `json:"min_interval"` // seconds; 0: not said
	Complete    uint32           `json:"complete"`
	Incomplete  uint32           `json:"incomplete"`
	ExternalIP  *netip.Addr      `json:"external_ip"` // null: not said
	Warning     string           `json:"warning"`
	Peers       []netip.AddrPort `json:"peers"`
}

func writeAnnounceJSON(w io.Writer, reply *client.Reply) error {
	result := announceResult{
		Interval: reply.Interval, MinInterval: reply.MinInterval,
		Complete: reply.Complete, Incomplete: reply.Incomplete,
		Warning: reply.Warning,
		Peers:   append([]netip.AddrPort{}, reply.Peers...), // [] rather than null
	}
	if reply.ExternalIP.IsValid() {
		result.ExternalIP = &reply.ExternalIP
	}
	return json.NewEncoder(w).Encode(result)
}

func writeAnnounceTable(w io.Writer, reply *client.Reply) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "complete\t%d\n", reply.Complete)
	fmt.Fprintf(t, "incomplete\t%d\n", reply.Incomplete)
	fmt.Fprintf(t, "interval\t%v\n", seconds(reply.Interval))
	if reply.MinInterval > 0 {
		fmt.Fprintf(t, "min interval\t%v\n", seconds(reply.MinInterval))
	}
	if reply.ExternalIP.IsValid() {
		fmt.Fprintf(t, "external ip\t%v\n", reply.ExternalIP)
	}
	if reply.Warning != "" {
		fmt.Fprintf(t, "warning\t%s\n", strconv.Quote(reply.Warning))
	}
	if !reply.WebTorrent {
		fmt.Fprintf(t, "peers\t%d\n", len(reply.Peers))
	}
	for _, peer := range reply.Peers {
		fmt.Fprintf(t, "\t%v\n", peer)
	}
	return t.Flush()
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
