package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/shoal-tracker/shoal/internal/httpserver"
)

// watchLone says once when all announces of a section come from one private
// address: most likely that of a proxy which nobody told the tracker of, and
// then all peers are stored with it and none can be reached.
func watchLone(ctx context.Context, server *httpserver.Server, log *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if addr, lone := server.LonePrivate(); lone {
			log.Warn("every announce over HTTP comes from one private address: if it is a proxy, "+
				"name it in trusted_proxies, or all peers are handed out with its address", slog.String("address", addr.String()))
			return
		}
	}
}
