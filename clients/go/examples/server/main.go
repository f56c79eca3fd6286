// A server that answers what has begun, and accepts nothing new, when it is asked to stop; and beside
// it work in goroutines that all take the same context, as those of an errgroup do.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"stopctl"
)

func main() {
	stop := stopctl.FromEnv()
	ctx, cancel := stop.Context(context.Background())
	defer cancel()

	// errgroup.WithContext(ctx) would also end the others when one fails.
	var group sync.WaitGroup
	for n := 0; n < 2; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			<-ctx.Done()
		}()
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := http.Server{Handler: http.HandlerFunc(answer)}
	ended := make(chan error, 1)
	go func() {
		<-stop.Done()
		ended <- server.Shutdown(context.Background())
	}()
	fmt.Println("ready", listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := <-ended; err != nil {
		stopctl.Leave() // asked to stop, and something is left
	}
	group.Wait()
	request, _ := stop.Request()
	fmt.Println("asked to stop:", request.Reason)
}

// answer takes a while. What has begun runs to its end.
func answer(response http.ResponseWriter, _ *http.Request) {
	fmt.Println("begun")
	time.Sleep(300 * time.Millisecond)
	io.WriteString(response, "whole\n")
}
