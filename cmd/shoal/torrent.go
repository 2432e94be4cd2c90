package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/apiclient"
)

func newTorrentCommand() *cobra.Command {
	return parentCommand("torrent", "List, show or remove torrents of a running tracker", "list, show or remove",
		newTorrentListCommand(), newTorrentShowCommand(), newTorrentRemoveCommand())
}

func newTorrentListCommand() *cobra.Command {
	var flags apiFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the torrents that the tracker holds",
		Example: `  shoal torrent list --json`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.ask(cmd, "", func(c *apiclient.Client) error {
				return printing(cmd, func(w io.Writer) error { return listTorrents(cmd.Context(), w, c, flags.json) })
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

// listTorrents prints them as they come: there may be millions, and all lines of
// the table are of one width anyway.
func listTorrents(ctx context.Context, w io.Writer, c *apiclient.Client, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		return c.EachTorrent(ctx, func(t apiclient.Torrent) error { return encoder.Encode(t) })
	}
	fmt.Fprintf(w, torrentLine, "info hash", "seeders", "leechers", "completed")
	return c.EachTorrent(ctx, func(t apiclient.Torrent) error {
		_, err := fmt.Fprintf(w, torrentLine, t.InfoHash, decimal(t.Seeders), decimal(t.Leechers), decimal(t.Completed))
		return err
	})
}

const torrentLine = "%-40s  %-8s  %-8s  %s\n"

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func newTorrentShowCommand() *cobra.Command {
	var flags apiFlags
	cmd := &cobra.Command{
		Use:   "show INFOHASH",
		Short: "Show a torrent and its peers",
		Long: `Show how many seeders and leechers a torrent has, and up to 1,000 of its peers.
All are to be had, page by page, from the API itself.`,
		Example: `  shoal torrent show 0123456789abcdef0123456789abcdef01234567`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.ask(cmd, "", func(c *apiclient.Client) error {
				hash, err := shoal.ParseInfoHash(args[0])
				if err != nil {
					return err
				}
				swarm, err := c.Torrent(cmd.Context(), hash)
				if err != nil {
					return err
				}
				if flags.json {
					_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", swarm.JSON)
					return err
				}
				return writeSwarm(cmd.OutOrStdout(), swarm)
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

func writeSwarm(w io.Writer, s *apiclient.Swarm) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "info hash\t%s\nseeders\t%d\nleechers\t%d\ncompleted\t%d\n", s.InfoHash, s.Seeders, s.Leechers, s.Completed)
	if err := t.Flush(); err != nil {
		return err
	}
	if len(s.Peers) == 0 {
		return nil
	}
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\npeer\tclient\tleft\tuploaded\tdownloaded\tlast event")
	for _, p := range s.Peers {
		addr := "browser"
		if p.Addr != nil {
			addr = *p.Addr
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", addr, word(p.ID.Client), number(p.Left), number(p.Uploaded), number(p.Downloaded), word(p.Event))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if all := s.Seeders + s.Leechers; uint64(len(s.Peers)) < all {
		fmt.Fprintf(w, "%d of %d peers\n", len(s.Peers), all)
	}
	return nil
}

// word and number return what is not known as a dash.
func word(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

func number(n *uint64) string {
	if n == nil {
		return "-"
	}
	return decimal(*n)
}

func newTorrentRemoveCommand() *cobra.Command {
	var flags apiFlags
	cmd := &cobra.Command{
		Use:   "remove INFOHASH…",
		Short: "Forget torrents and their peers",
		Long: `Take torrents and all their peers out of the swarm. Peers that announce again
come back: shoal deny add keeps them out.`,
		Example: `  shoal torrent remove 0123456789abcdef0123456789abcdef01234567`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.ask(cmd, "", func(c *apiclient.Client) error {
				hashes, err := parseInfoHashes(args)
				if err != nil {
					return err
				}
				found, err := c.RemoveTorrents(cmd.Context(), hashes)
				if err != nil {
					return err
				}
				return removed(cmd, "torrents", len(hashes), found)
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}
