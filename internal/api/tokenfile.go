package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// tokenFile is where the token is that nobody chose, in data_dir.
const tokenFile = "api-token"

// LoadToken reads the token that is used where the configuration has none, and
// the file it is in. A missing one is drawn, and kept whole or not at all, a
// power cut included. Nobody but the owner may read the file.
func LoadToken(dataDir string) (token, file string, err error) {
	file = filepath.Join(dataDir, tokenFile)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		token, err = keepToken(file)
		return token, file, err
	}
	if err != nil {
		return "", file, fmt.Errorf("read the token of the management API: %w", err)
	}
	if token = strings.TrimSpace(string(text)); !isToken(token) {
		return "", file, fmt.Errorf("%s must hold a token of %d to %d visible ASCII characters; remove it to have a new one drawn", file, leastToken, mostToken)
	}
	if err := narrow(file); err != nil {
		return "", file, err
	}
	return token, file, nil
}

// keepToken draws a token: 40 characters, 160 bits.
func keepToken(file string) (string, error) {
	var drawn [20]byte
	rand.Read(drawn[:])
	token := hex.EncodeToString(drawn[:])
	err := writeToken(file, token)
	if err != nil {
		return "", fmt.Errorf("keep the token of the management API: %w; data_dir must be a directory that this user may write in", err)
	}
	return token, nil
}

func writeToken(file, token string) error {
	fresh, err := os.CreateTemp(filepath.Dir(file), tokenFile+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.WriteString(token + "\n")
	err = errors.Join(err, fresh.Sync(), fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), file)
	}
	if err != nil {
		os.Remove(fresh.Name())
	}
	return err
}

// narrow takes from others what they may do with a file, where an editor or a
// backup left it open.
func narrow(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the token of the management API: %w", err)
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if err := os.Chmod(file, 0o600); err != nil {
		return fmt.Errorf("others may read the token of the management API, and that cannot be mended: %w", err)
	}
	return nil
}
