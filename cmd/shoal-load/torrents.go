package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/population"
)

// newTorrentsCommand lists the torrents of a crowd, for trackers that serve
// those only which they were told.
func newTorrentsCommand() *cobra.Command {
	var torrents, seed uint64
	cmd := &cobra.Command{
		Use:   "torrents",
		Short: "Print the info hashes that a load uses, for a tracker's whitelist",
		Long: `Print the info hashes that a load with the same --torrents and --seed uses, a
line each, in hexadecimal digits, the most popular one first.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if seed == 0 || torrents == 0 {
				return usageError{errors.New("--torrents and --seed must be given, 1 or more")}
			}
			p, err := population.New(population.Config{
				Peers: 1, Torrents: torrents, Seed: seed, Sources: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})},
			})
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			for n := range torrents {
				if _, err := fmt.Fprintln(out, p.Hash(n)); err != nil {
					return fmt.Errorf("writing the torrents: %w", err)
				}
			}
			return out.Flush()
		},
	}
	cmd.Flags().Uint64Var(&torrents, "torrents", 0, "how many torrents the load has")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "the seed of the load")
	return cmd
}
