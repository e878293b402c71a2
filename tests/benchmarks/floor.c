/* The floor under any media engine: nothing but the system calls and libsrtp.
 *
 *   floor in  STREAMS SECONDS
 *     binds STREAMS sockets on 127.0.0.1, prints their ports, receives with epoll and
 *     recv, reads the header's sequence number and drops the packet.
 *   floor out STREAMS SECONDS BURSTS_PER_S PACKETS_PER_S BYTES
 *     reads as many ports from standard input and sends RTP of BYTES (payload
 *     included), protected with AES-128 and HMAC-SHA1-80 by libsrtp, one connected
 *     socket a stream, a burst at a time, evenly spread over the streams.
 *
 * Each prints "CPU_SECONDS WALL_SECONDS PACKETS" of SECONDS that begin two seconds
 * after the first packet. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <srtp2/srtp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_S 2.0

static double clock_s(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

struct meter {
  double begun, wall, cpu, seconds;
  long packets;
  int running;
};

/* Return 1 once the time is over; the result is printed then. */
static int meter_turn(struct meter *m) {
  double now = clock_s(CLOCK_MONOTONIC);
  if (!m->begun) m->begun = now;
  if (!m->running && now - m->begun >= SETTLE_S) {
    m->running = 1, m->packets = 0, m->wall = now;
    m->cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  } else if (m->running && now - m->wall >= m->seconds) {
    printf("%.6f %.6f %ld\n", clock_s(CLOCK_PROCESS_CPUTIME_ID) - m->cpu,
           now - m->wall, m->packets);
    return 1;
  }
  return 0;
}

static int open_socket(uint16_t port, int connected) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (fd < 0 || (connected ? connect(fd, (void *)&a, sizeof a)
                           : bind(fd, (void *)&a, sizeof a))) {
    perror("socket");
    exit(1);
  }
  return fd;
}

static void receive(int streams, double seconds) {
  int ep = epoll_create1(0);
  uint16_t *highest = calloc(streams, sizeof *highest);
  int *fds = calloc(streams, sizeof *fds);
  for (int i = 0; i < streams; i++) {
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};
    fds[i] = open_socket(0, 0);
    epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e);
    getsockname(fds[i], (void *)&a, &n);
    printf("%d ", ntohs(a.sin_port));
  }
  printf("\n");
  fflush(stdout);
  struct meter m = {.seconds = seconds};
  struct epoll_event events[256];
  uint8_t packet[2048];
  for (;;) {
    int count = epoll_wait(ep, events, 256, 5000);
    if (count <= 0) exit(2); /* nothing comes: the sender died */
    for (int i = 0; i < count; i++) {
      int stream = events[i].data.u32;
      if (recv(fds[stream], packet, sizeof packet, 0) < 12) continue;
      highest[stream] = packet[2] << 8 | packet[3];
      m.packets++;
    }
    if (meter_turn(&m)) return;
  }
}

static void transmit(int streams, double seconds, double bursts, double rate, int size) {
  srtp_t *sessions = calloc(streams, sizeof *sessions);
  int *fds = calloc(streams, sizeof *fds);
  double *due = calloc(streams, sizeof *due), *owed = calloc(streams, sizeof *owed);
  uint16_t *sequence = calloc(streams, sizeof *sequence);
  uint8_t key[30] = {1}, payload[2048] = {0};
  srtp_init();
  for (int i = 0; i < streams; i++) {
    unsigned port;
    if (scanf("%u", &port) != 1) exit(3);
    fds[i] = open_socket(port, 1);
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key;
    if (srtp_create(&sessions[i], &policy)) exit(4);
    due[i] = clock_s(CLOCK_MONOTONIC) + i / bursts / streams;
  }
  struct meter m = {.seconds = seconds};
  uint8_t packet[2048];
  while (!meter_turn(&m)) {
    double now = clock_s(CLOCK_MONOTONIC), next = now + 0.004;
    for (int i = 0; i < streams; i++) {
      if (due[i] > now) continue;
      due[i] += 1 / bursts;
      owed[i] += rate / bursts;
      for (; owed[i] >= 1; owed[i]--) {
        int length = size;
        uint16_t number = ++sequence[i];
        uint8_t head[12] = {0x80, 96, number >> 8, number, 0, 0, 0, 0, 0, 0, 0, 1};
        memcpy(packet, head, 12);
        memcpy(packet + 12, payload, size - 12);
        if (srtp_protect(sessions[i], packet, &length)) exit(5);
        if (send(fds[i], packet, length, 0) > 0) m.packets++;
      }
    }
    struct timespec until = {(time_t)next, (long)((next - (time_t)next) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 64;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (!strcmp(argv[1], "in"))
    receive(atoi(argv[2]), atof(argv[3]));
  else if (argc == 7)
    transmit(atoi(argv[2]), atof(argv[3]), atof(argv[4]), atof(argv[5]), atoi(argv[6]));
  return 0;
}
