package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shoal-tracker/shoal"
	"github.com/shoal-tracker/shoal/internal/apiclient"
	"github.com/shoal-tracker/shoal/internal/app"
)

func newKeyCommand() *cobra.Command {
	return parentCommand("key", "Add, list or remove keys of a private tracker", "add, list or remove",
		newKeyAddCommand(), newKeyListCommand(), newKeyRemoveCommand())
}

func newKeyAddCommand() *cobra.Command {
	var flags listFlags
	var standard apiclient.NewKey
	cmd := &cobra.Command{
		Use:   "add [KEY | -]",
		Short: "Add a key, and print it when it is kept",
		Long: `Add a key to a running tracker, and print it once it is safely in its database and
let in. Without KEY one of 32 letters and digits is drawn. A KEY of your own has
16 to 64 letters, digits and - . _ ~; one that is there already takes the new
label and expiry.

With - keys are read from standard input: one a line, which may go on with the
seconds it lasts (0: for ever) and a label. They are committed up to 500 at a
time, and each is printed once it is.`,
		Example: `  shoal key add --label alice
  shoal key add 0123456789abcdef0123456789abcdef --seconds 2592000
  shoal key add - < passkeys.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSeconds(standard.Seconds); err != nil {
				return err
			}
			return flags.with(cmd, func(l lists) error {
				if fromInput(args) {
					return eachBatch(cmd.InOrStdin(), func(first int, lines []string) error {
						keys, err := keysOf(first, lines, standard)
						if err != nil || len(keys) == 0 {
							return err
						}
						return addKeys(cmd, l, flags.json, keys)
					})
				}
				key := standard
				if len(args) > 0 {
					key.Key = args[0]
				} else {
					key.Key = app.NewKey()
				}
				return addKeys(cmd, l, flags.json, []apiclient.NewKey{key})
			})
		},
	}
	flags.addTo(cmd)
	cmd.Flags().Int64Var(&standard.Seconds, "seconds", 0, "how long the key lasts; 0: for ever")
	cmd.Flags().StringVar(&standard.Label, "label", "", "whose it is: 200 bytes at most")
	return cmd
}

// addKeys adds keys and prints each that was asked for, as it is kept.
func addKeys(cmd *cobra.Command, l lists, asJSON bool, keys []apiclient.NewKey) error {
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = keys[i].Key
	}
	kept, err := l.AddKeys(cmd.Context(), lastOfEach(keys))
	if err != nil {
		return err
	}
	stored := make(map[string]apiclient.Key, len(kept))
	for _, k := range kept {
		stored[k.Key] = k
	}
	var out strings.Builder
	for _, name := range names {
		k, ok := stored[name]
		if !ok {
			return fmt.Errorf("the tracker took %d keys, and does not say what it keeps of %.80q", len(keys), name)
		}
		if !asJSON {
			out.WriteString(k.Key + "\n")
		} else if err := json.NewEncoder(&out).Encode(addedKeyOf(k)); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), out.String())
	return err
}

// lastOfEach leaves out keys that come again: the last one counts.
func lastOfEach(keys []apiclient.NewKey) []apiclient.NewKey {
	at := make(map[string]int, len(keys))
	kept := make([]apiclient.NewKey, 0, len(keys))
	for _, k := range keys {
		if i, again := at[k.Key]; again {
			kept[i] = k
			continue
		}
		at[k.Key] = len(kept)
		kept = append(kept, k)
	}
	return kept
}

// keysOf reads lines of KEY [SECONDS [LABEL]]; what a line does not say is as in
// standard.
func keysOf(first int, lines []string, standard apiclient.NewKey) (keys []apiclient.NewKey, err error) {
	for i, line := range lines {
		if isComment(line) {
			continue
		}
		key := standard
		text, rest := cutWord(strings.TrimPrefix(line, "\ufeff"))
		if shoal.ParseAuthKey([]byte(text)).Invalid() {
			return nil, fmt.Errorf("standard input, line %d: %.80q must be 16 to 64 letters, digits and - . _ ~", first+i, text)
		}
		key.Key = text
		text, rest = cutWord(rest)
		if text != "" {
			key.Seconds, err = strconv.ParseInt(text, 10, 64)
			if err != nil || checkSeconds(key.Seconds) != nil {
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

// addedKey is a new key in the shape of --json.
type addedKey struct {
	Key        string  `json:"key"`
	ValidUntil *int64  `json:"valid_until"`
	ExpiryTime *string `json:"expiry_time"`
}

func addedKeyOf(k apiclient.Key) addedKey {
	added := addedKey{Key: k.Key, ValidUntil: k.ValidUntil}
	if k.ValidUntil != nil {
		text := expiryOf(k.ValidUntil)
		added.ExpiryTime = &text
	}
	return added
}

func newKeyListCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the keys, and how much their holders moved",
		Example: `  shoal key list --json`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(l lists) error {
				return printing(cmd, func(w io.Writer) error { return listKeys(cmd.Context(), w, l, flags.json) })
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}

func listKeys(ctx context.Context, w io.Writer, l lists, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		return l.EachKey(ctx, func(k apiclient.Key) error {
			return encoder.Encode(keyInList{addedKeyOf(k), k.Label, k.Created, k.Uploaded, k.Downloaded})
		})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "key\texpires\tuploaded\tdownloaded\tlabel")
	if err := l.EachKey(ctx, func(k apiclient.Key) error {
		_, err := fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\n", k.Key, expiryOf(k.ValidUntil), k.Uploaded, k.Downloaded, k.Label)
		return err
	}); err != nil {
		return err
	}
	return t.Flush()
}

// keyInList is a key in the shape of --json.
type keyInList struct {
	addedKey
	Label      string `json:"label"`
	Created    *int64 `json:"created"`
	Uploaded   uint64 `json:"uploaded"`
	Downloaded uint64 `json:"downloaded"`
}

func newKeyRemoveCommand() *cobra.Command {
	var flags listFlags
	cmd := &cobra.Command{
		Use:     "remove KEY…",
		Short:   "Remove keys, and what is accounted to them",
		Example: `  shoal key remove 0123456789abcdef0123456789abcdef`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, key := range args {
				if shoal.ParseAuthKey([]byte(key)).Invalid() {
					return fmt.Errorf("%.80q must be 16 to 64 letters, digits and - . _ ~", key)
				}
			}
			keys := each(args)
			return flags.with(cmd, func(l lists) error {
				found, err := l.RemoveKeys(cmd.Context(), keys)
				if err != nil {
					return err
				}
				return removed(cmd, "keys", len(keys), found)
			})
		},
	}
	flags.addTo(cmd)
	return cmd
}
