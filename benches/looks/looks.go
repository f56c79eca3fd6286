// A look and a wake in Go, for benches/looks/main.rs.
package main

import (
	"fmt"
	"os"
	"strconv"

	"stopctl"
)

func main() {
	stop := stopctl.FromEnv()
	looks, _ := strconv.Atoi(os.Args[1])
	rounds, _ := strconv.Atoi(os.Args[2])
	if looks == 0 {
		fmt.Println("ready")
		<-stop.Done()
		fmt.Println("awake")
		return
	}
	for ; rounds > 0; rounds-- {
		fmt.Println("begin")
		for look := 0; look < looks; look++ {
			if stop.IsSet() {
				panic("the flag is down")
			}
		}
		fmt.Println("end")
	}
}
