package database

import (
	"os"
	"path/filepath"
)

// narrowSQLiteFile takes from others what they may do with a file that an older
// program, a copy or a restored backup left open to them: keys are in it, and in
// what SQLite puts beside it. A file of another owner, and one on a file system
// without permissions, stay as they are: that is for who set them up so.
func narrowSQLiteFile(name string) {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real // beside which SQLite puts the rest
	}
	for _, end := range []string{"", "-wal", "-shm", "-journal"} { // new ones take the permissions of the first
		file := name + end
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if mode := info.Mode().Perm(); mode&^0o600 != 0 {
			_ = os.Chmod(file, mode&0o600)
		}
	}
}
