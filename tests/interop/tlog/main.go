// Command tlogcheck verifies what the ledger makes with golang.org/x/mod's verifiers, which share no
// code with it.
//
//	tlogcheck check-dump FOLDER     trees that mmr_dump wrote
//	tlogcheck check-server URL      a running service
//	tlogcheck check-tiles BASE VKEY_FILE OLD_CHECKPOINT_FILE
//	                                a whole log by its tiles, at a URL or in a folder
//
// It prints what it has checked and exits 1 on the first failure.
package main

import (
	"fmt"
	"os"
)

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	var err error
	switch {
	case mode == "check-dump" && len(os.Args) == 3:
		err = checkDump(os.Args[2])
	case mode == "check-server" && len(os.Args) == 3:
		err = checkServer(os.Args[2])
	case mode == "check-tiles" && len(os.Args) == 5:
		err = checkTiles(os.Args[2], os.Args[3], os.Args[4])
	default:
		fmt.Fprintln(os.Stderr, "usage: tlogcheck check-dump FOLDER | check-server URL | "+
			"check-tiles BASE VKEY_FILE OLD_CHECKPOINT_FILE")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
}
