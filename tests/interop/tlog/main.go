// Command tlogcheck verifies what the ledger makes with golang.org/x/mod's verifiers, which share no
// code with it.
//
//	tlogcheck check-dump FOLDER     trees that mmr_dump wrote
//	tlogcheck check-server URL      a running service
//
// It prints what it has checked and exits 1 on the first failure.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: tlogcheck check-dump FOLDER | check-server URL")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "check-dump":
		err = checkDump(os.Args[2])
	case "check-server":
		err = checkServer(os.Args[2])
	default:
		err = fmt.Errorf("unknown mode %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		os.Exit(1)
	}
}
