package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/client"
)

func newScrapeCommand() *cobra.Command {
	var timeout time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scrape URL INFOHASH…",
		Short: "Ask a tracker for counts",
		Long: `Ask a tracker how many seeders and leechers torrents have, and how often they
were downloaded.

URL is the tracker's announce URL and begins with udp://, http://, https://,
ws:// or wss://; each INFOHASH has 40 hexadecimal digits, or the 64 of version 2.
Over ws:// and wss:// the counts are those of the browsers, which are only
introduced to each other.`,
		Example: `  shoal scrape udp://127.0.0.1:6969/announce 0123456789abcdef0123456789abcdef01234567`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			hashes, err := parseInfoHashes(args[1:])
			if err != nil {
				return err
			}
			ctx, cancel, err := withTimeout(cmd.Context(), timeout)
			if err != nil {
				return err
			}
			defer cancel()
			counts, err := client.Scrape(ctx, args[0], hashes)
			if err != nil {
				return err
			}
			if asJSON {
				return writeScrapeJSON(cmd.OutOrStdout(), hashes, counts)
			}
			return writeScrapeTable(cmd.OutOrStdout(), hashes, counts)
		},
	}
	addClientFlags(cmd, &timeout, &asJSON)
	return cmd
}

// parseInfoHashes reports every argument that is none.
func parseInfoHashes(args []string) ([]shoal.InfoHash, error) {
	var hashes []shoal.InfoHash
	var failed []error
	for _, arg := range args {
		hash, err := shoal.ParseInfoHash(arg)
		if err != nil {
			failed = append(failed, err)
		}
		hashes = append(hashes, hash)
	}
	return hashes, errors.Join(failed...)
}

// scrapedTorrent is a torrent in the shape of --json.
type scrapedTorrent struct {
	InfoHash   string `json:"info_hash"`
	Complete   uint32 `json:"complete"`
	Downloaded uint32 `json:"downloaded"`
	Incomplete uint32 `json:"incomplete"`
}

func writeScrapeJSON(w io.Writer, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) error {
	torrents := make([]scrapedTorrent, len(hashes))
	for i, c := range counts {
		torrents[i] = scrapedTorrent{hashes[i].String(), c.Complete, c.Downloaded, c.Incomplete}
	}
	return json.NewEncoder(w).Encode(map[string]any{"torrents": torrents})
}

func writeScrapeTable(w io.Writer, hashes []shoal.InfoHash, counts []shoal.ScrapeCounts) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "info hash\tcomplete\tdownloaded\tincomplete")
	for i, c := range counts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\n", hashes[i], c.Complete, c.Downloaded, c.Incomplete)
	}
	return t.Flush()
}
