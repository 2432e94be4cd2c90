package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/apiclient"
	"github.com/shoal-tracker/shoal/internal/app"
	"github.com/shoal-tracker/shoal/internal/config"
)

// offline is who the log of changes names for what is done on the database itself.
const offline = "offline"

// databaseLists are the lists in a database, whether a tracker runs on it or not.
type databaseLists struct{ *app.Database }

// onDatabase opens the database that the configuration names, for one command.
func onDatabase(cmd *cobra.Command, cfg *config.Config, work func(lists) error) (err error) {
	d, err := app.OpenDatabase(cmd.Context(), cfg, cmd.Name() == "add")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return work(databaseLists{d})
}

func (d databaseLists) AddKeys(ctx context.Context, keys []apiclient.NewKey) ([]apiclient.Key, error) {
	now := time.Now()
	rows := make([]app.Key, len(keys))
	kept := make([]apiclient.Key, len(keys))
	for i, k := range keys {
		rows[i] = app.Key{Key: k.Key, Label: k.Label, Created: now, Until: untilOf(now, k.Seconds)}
		kept[i] = listedKey(rows[i])
	}
	if err := d.Database.AddKeys(ctx, offline, rows...); err != nil {
		return nil, err
	}
	return kept, nil
}

func (d databaseLists) RemoveKeys(ctx context.Context, keys []string) (found int, err error) {
	return d.Database.RemoveKeys(ctx, offline, keys...)
}

func (d databaseLists) EachKey(ctx context.Context, visit func(apiclient.Key) error) error {
	const limit = 1000
	after := ""
	for {
		page, err := d.KeysWithAccounts(ctx, after, limit)
		if err != nil {
			return err
		}
		for _, k := range page {
			listed := listedKey(k.Key)
			listed.Uploaded, listed.Downloaded = k.Uploaded, k.Downloaded
			if err := visit(listed); err != nil {
				return err
			}
			after = k.Key.Key
		}
		if len(page) < limit {
			return nil
		}
	}
}

func (d databaseLists) AddAllowed(ctx context.Context, hashes []shoal.InfoHash) error {
	return d.Database.AddAllowed(ctx, offline, hashes...)
}

func (d databaseLists) RemoveAllowed(ctx context.Context, hashes []shoal.InfoHash) (found int, err error) {
	return d.Database.RemoveAllowed(ctx, offline, hashes...)
}

func (d databaseLists) AddDenied(ctx context.Context, torrents []apiclient.NewDenied) error {
	now := time.Now()
	rows := make([]app.Denied, len(torrents))
	for i, t := range torrents {
		rows[i] = app.Denied{Hash: t.Hash, Reason: t.Reason, Created: now, Until: untilOf(now, t.Seconds)}
	}
	return d.Database.AddDenied(ctx, offline, rows...)
}

func (d databaseLists) RemoveDenied(ctx context.Context, hashes []shoal.InfoHash) (found int, err error) {
	return d.Database.RemoveDenied(ctx, offline, hashes...)
}

func (d databaseLists) EachDenied(ctx context.Context, visit func(apiclient.Denied) error) error {
	return d.Database.EachDenied(ctx, func(t app.Denied) error {
		return visit(apiclient.Denied{Hash: t.Hash, Reason: t.Reason, Created: unixOrNull(t.Created), ValidUntil: unixOrNull(t.Until)})
	})
}

func listedKey(k app.Key) apiclient.Key {
	return apiclient.Key{Key: k.Key, Label: k.Label, Created: unixOrNull(k.Created), ValidUntil: unixOrNull(k.Until)}
}

// untilOf returns when something expires that lasts for so many seconds, at least;
// 0: never.
func untilOf(now time.Time, seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return now.Add(time.Duration(seconds+1)*time.Second - 1).Truncate(time.Second)
}

// unixOrNull returns what JSON has for a time: seconds, or null for never.
func unixOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
}
