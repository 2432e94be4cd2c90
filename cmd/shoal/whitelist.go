package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
)

func newWhitelistCommand() *cobra.Command {
	return parentCommand("whitelist", "Add, list or remove torrents of a listed tracker", "add, list or remove",
		newWhitelistAddCommand(), newWhitelistListCommand(), newWhitelistRemoveCommand())
}

func newWhitelistAddCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:   "add INFOHASH… | -",
		Short: "Let torrents in",
		Long: `Add torrents to the whitelist of a running tracker, and say so once they are safely
in its database and let in. Each INFOHASH has 40 hexadecimal digits, or the 64 of
version 2. With - they are read from standard input, one a line, and committed up
to 500 at a time.`,
		Example: `  shoal whitelist add 0123456789abcdef0123456789abcdef01234567
  shoal whitelist add - < torrents.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd, func(l lists) error {
				return hashesOf(cmd, args, func(hashes []shoal.InfoHash) error {
					if err := l.AddAllowed(cmd.Context(), hashes); err != nil {
						return err
					}
					return printHashes(cmd, hashes)
				})
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

// printHashes tells of each that it is kept.
func printHashes(cmd *cobra.Command, hashes []shoal.InfoHash) error {
	return printing(cmd, func(w io.Writer) error {
		for _, hash := range hashes {
			if _, err := fmt.Fprintln(w, hash); err != nil {
				return err
			}
		}
		return nil
	})
}

func newWhitelistListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the torrents that are let in",
		Long:    `List the torrents of the whitelist in the database. Those of allow_file are in that file.`,
		Example: `  shoal whitelist list`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(l lists) error {
				return printing(cmd, func(w io.Writer) error {
					encoder := json.NewEncoder(w)
					return l.EachAllowed(cmd.Context(), func(hash shoal.InfoHash) error {
						if flags.json {
							return encoder.Encode(map[string]string{"info_hash": hash.String()})
						}
						_, err := fmt.Fprintln(w, hash)
						return err
					})
				})
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

func newWhitelistRemoveCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "remove INFOHASH…",
		Short:   "Let torrents in no longer",
		Example: `  shoal whitelist remove 0123456789abcdef0123456789abcdef01234567`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd, func(l lists) error {
				hashes, err := parseInfoHashes(args)
				if err != nil {
					return err
				}
				hashes = each(hashes)
				found, err := l.RemoveAllowed(cmd.Context(), hashes)
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
