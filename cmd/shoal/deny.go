package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/apiclient"
)

func newDenyCommand() *cobra.Command {
	return parentCommand("deny", "Add, list or remove torrents that are always refused", "add, list or remove",
		newDenyAddCommand(), newDenyListCommand(), newDenyRemoveCommand())
}

func newDenyAddCommand() *cobra.Command {
	var flags listFlags
	var seconds int64
	var reason string
	cmd := &cobra.Command{
		Use:   "add INFOHASH… | -",
		Short: "Refuse torrents, whatever else lets them in",
		Long: `Add torrents to the deny list of a running tracker, and say so once they are
safely in its database and refused. The deny list counts before every other rule.
The reason is for you: clients are only told that the torrent is not allowed. With
- torrents are read from standard input, one a line, and committed up to 500 at a
time.`,
		Example: `  shoal deny add 0123456789abcdef0123456789abcdef01234567 --reason "notice 4711"
  shoal deny add - --seconds 86400 < torrents.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSeconds(seconds); err != nil {
				return err
			}
			return flags.with(cmd, func(l lists) error {
				return hashesOf(cmd, args, func(hashes []shoal.InfoHash) error {
					denied := make([]apiclient.NewDenied, len(hashes))
					for i, hash := range hashes {
						denied[i] = apiclient.NewDenied{Hash: hash, Reason: reason, Seconds: seconds}
					}
					if err := l.AddDenied(cmd.Context(), denied); err != nil {
						return err
					}
					return printHashes(cmd, hashes)
				})
			})
		},
	}
	flags.addTo(cmd)
	cmd.Flags().Int64Var(&seconds, "seconds", 0, "how long they are refused; 0: for ever")
	cmd.Flags().StringVar(&reason, "reason", "", "why: 200 bytes at most")
	return cmd
}

// deniedTorrent is a line of the deny list in the shape of --json.
type deniedTorrent struct {
	InfoHash   string `json:"info_hash"`
	Reason     string `json:"reason"`
	Created    *int64 `json:"created"`
	ValidUntil *int64 `json:"valid_until"`
}

func newDenyListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the torrents that are refused",
		Long:    `List the deny list in the database. Those of deny_file are in that file.`,
		Example: `  shoal deny list`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(l lists) error {
				return printing(cmd, func(w io.Writer) error { return listDenied(cmd.Context(), w, l, flags.json) })
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

func listDenied(ctx context.Context, w io.Writer, l lists, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		return l.EachDenied(ctx, func(d apiclient.Denied) error {
			return encoder.Encode(deniedTorrent{d.Hash.String(), d.Reason, d.Created, d.ValidUntil})
		})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "info hash\texpires\treason")
	if err := l.EachDenied(ctx, func(d apiclient.Denied) error {
		_, err := fmt.Fprintf(t, "%s\t%s\t%s\n", d.Hash, expiryOf(d.ValidUntil), d.Reason)
		return err
	}); err != nil {
		return err
	}
	return t.Flush()
}

func newDenyRemoveCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "remove INFOHASH…",
		Short:   "Refuse torrents no longer",
		Example: `  shoal deny remove 0123456789abcdef0123456789abcdef01234567`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd, func(l lists) error {
				hashes, err := parseInfoHashes(args)
				if err != nil {
					return err
				}
				hashes = each(hashes)
				found, err := l.RemoveDenied(cmd.Context(), hashes)
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
