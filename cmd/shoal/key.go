package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/app"
)

func newKeyCommand() *cobra.Command {
	return listCommand("key", "Add, list or remove keys of a private tracker",
		newKeyAddCommand(), newKeyListCommand(), newKeyRemoveCommand())
}

func newKeyAddCommand() *cobra.Command {
	var flags listFlags
	var seconds int64
	var label string
	cmd := &cobra.Command{
		Use:   "add [KEY | -]",
		Short: "Add a key, and print it when it is kept",
		Long: `Add a key to the database, and print it once it is safely there. Without KEY one
of 32 letters and digits is drawn. A KEY of your own has 16 to 64 letters, digits
and - . _ ~; one that is there already takes the new label and expiry.

With - keys are read from standard input: one a line, which may go on with the
seconds it lasts (0: for ever) and a label. They are committed up to 500 at a
time, and each is printed once it is.`,
		Example: `  shoal key add --offline --label alice
  shoal key add --offline 0123456789abcdef0123456789abcdef --seconds 2592000
  shoal key add --offline - < passkeys.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, err := untilOf(seconds)
			if err != nil {
				return err
			}
			return flags.with(cmd, func(l lists) error {
				add := func(keys ...app.Key) error {
					if err := l.AddKeys(cmd.Context(), keys...); err != nil {
						return err
					}
					return printKeys(cmd, flags.json, keys)
				}
				if fromInput(args) {
					return eachBatch(cmd.InOrStdin(), func(first int, lines []string) error {
						keys, err := keysOf(first, lines, app.Key{Label: label, Until: until})
						if err != nil || len(keys) == 0 {
							return err
						}
						return add(keys...)
					})
				}
				key := app.Key{Label: label, Created: time.Now(), Until: until}
				if len(args) > 0 {
					key.Key = args[0]
				} else {
					key.Key = app.NewKey()
				}
				return add(key)
			})
		},
	}
	flags.addTo(cmd)
	cmd.Flags().Int64Var(&seconds, "seconds", 0, "how long the key lasts; 0: for ever")
	cmd.Flags().StringVar(&label, "label", "", "whose it is: 200 bytes at most")
	return cmd
}

// keysOf reads lines of KEY [SECONDS [LABEL]]; what a line does not say is as in
// standard.
func keysOf(first int, lines []string, standard app.Key) (keys []app.Key, err error) {
	for i, line := range lines {
		if isComment(line) {
			continue
		}
		key := standard
		key.Created = time.Now()
		text, rest := cutWord(strings.TrimPrefix(line, "\ufeff"))
		if shoal.ParseAuthKey([]byte(text)).Invalid() {
			return nil, fmt.Errorf("standard input, line %d: %.80q must be 16 to 64 letters, digits and - . _ ~", first+i, text)
		}
		key.Key = text
		text, rest = cutWord(rest)
		if text != "" {
			seconds, err := strconv.ParseInt(text, 10, 64)
			if err == nil {
				key.Until, err = untilOf(seconds)
			}
			if err != nil {
				return nil, fmt.Errorf("standard input, line %d: %q must be the seconds that the key lasts, 0 for ever", first+i, text)
			}
		}
		if rest = strings.TrimSpace(rest); rest != "" {
			key.Label = rest
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// cutWord cuts the first word off a line.
func cutWord(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i+1:]
	}
	return line, ""
}

// keyAdded is a new key in the shape of --json.
type keyAdded struct {
	Key        string  `json:"key"`
	ValidUntil *int64  `json:"valid_until"`
	ExpiryTime *string `json:"expiry_time"`
}

func printKeys(cmd *cobra.Command, asJSON bool, keys []app.Key) error {
	var out strings.Builder
	for _, k := range keys {
		if !asJSON {
			out.WriteString(k.Key + "\n")
			continue
		}
		if err := json.NewEncoder(&out).Encode(addedKey(k)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), out.String())
	return err
}

func addedKey(k app.Key) keyAdded {
	added := keyAdded{Key: k.Key, ValidUntil: unixOrNull(k.Until)}
	if !k.Until.IsZero() {
		text := expiryOf(k.Until)
		added.ExpiryTime = &text
	}
	return added
}

func newKeyListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys, and how much their holders moved",
		Example: `  shoal key list --offline --json`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(l lists) error {
				keys, err := listKeys(cmd.Context(), l)
				if err != nil {
					return err
				}
				return writeKeys(cmd.OutOrStdout(), flags.json, keys)
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

// listedKey is a key in the shape of --json.
type listedKey struct {
	keyAdded
	Label      string `json:"label"`
	Created    *int64 `json:"created"`
	Uploaded   uint64 `json:"uploaded"`
	Downloaded uint64 `json:"downloaded"`
}

func listKeys(ctx context.Context, l lists) (keys []listedKey, err error) {
	if err := l.EachKey(ctx, func(k app.Key) error {
		keys = append(keys, listedKey{keyAdded: addedKey(k), Label: k.Label, Created: unixOrNull(k.Created)})
		return nil
	}); err != nil {
		return nil, err
	}
	for i := range keys {
		account, err := l.Account(ctx, shoal.ParseAuthKey([]byte(keys[i].Key)))
		if err != nil {
			return nil, err
		}
		keys[i].Uploaded, keys[i].Downloaded = account.Uploaded, account.Downloaded
	}
	return keys, nil
}

func writeKeys(w io.Writer, asJSON bool, keys []listedKey) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		for _, k := range keys {
			if err := encoder.Encode(k); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "key\texpires\tuploaded\tdownloaded\tlabel")
	for _, k := range keys {
		expires := "never"
		if k.ExpiryTime != nil {
			expires = *k.ExpiryTime
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\n", k.Key, expires, k.Uploaded, k.Downloaded, k.Label)
	}
	return t.Flush()
}

func newKeyRemoveCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "remove KEY…",
		Short:   "Remove keys, and what is accounted to them",
		Example: `  shoal key remove --offline 0123456789abcdef0123456789abcdef`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.with(cmd, func(l lists) error {
				found := 0
				for _, key := range args {
					ok, err := l.RemoveKey(cmd.Context(), key)
					if err != nil {
						return err
					}
					if ok {
						found++
					}
				}
				return removed(cmd, "keys", len(args), found)
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}
