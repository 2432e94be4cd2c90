package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal/cmd/shoal-load/internal/udpload"
)

func newUDPCommand() *cobra.Command {
	return newCommand(transport{
		name:  "udp",
		short: "Load a tracker over UDP (BEP 15)",
		long: `Load a tracker over UDP (BEP 15). There is a socket for each source address; a
worker sends over its sockets in turn, in batches of up to 64.

The exit code is 1 when an answer was wrong or an error.`,
		defaults: settings{
			target: "127.0.0.1:6969", connections: 256, torrents: manyTorrents, seeders: mostSeeders,
			numWant: 30, timeout: time.Second,
		},
		usage: map[string]string{
			"target":      "`HOST:PORT` of the tracker",
			"connections": "requests in flight, all workers together; without effect on --rate R",
		},
		flags: func(cmd *cobra.Command, s *settings) {
			cmd.Flags().Float64Var(&s.connect, "connect", 0, "percent of the requests that are connects, besides those that are needed")
			cmd.Flags().BoolVar(&s.segment, "gso", true, "hand the kernel several announces as one message, to be cut again (UDP_SEGMENT): they arrive as ever, and cost half; Linux")
		},
		aim: func(s *settings, _ origin) (string, loader, error) { return s.target, udpload.Run, nil },
	})
}
