/* A connected UDP socket's reader: the callback of the event loop.
 *
 * It takes the datagrams that are there and counts the usual ones in their lanes. What
 * is not usual (STUN, DTLS, RTCP, and what a lane leaves) lies in the workspace when it
 * is handed to Python. */
#include "_lane.h"
#include <sys/socket.h>
#include <time.h>

#define MAX_DATAGRAMS 16 /* of one socket at a time, so that none starves another */

typedef struct {
  PyObject_HEAD
  int fd;
  PyObject *lanes, *otherwise;
  Py_buffer workspace;
} Reader;

static int reader_init(Reader *self, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"", "", "", "", NULL};
  PyObject *workspace, *lanes, *otherwise;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iOO!O", names, &self->fd, &workspace,
                                   &PyDict_Type, &lanes, &otherwise))
    return -1;
  if (self->workspace.obj) {
    PyErr_SetString(PyExc_ValueError, "a reader is made once");
    return -1;
  }
  if (PyObject_GetBuffer(workspace, &self->workspace, PyBUF_WRITABLE)) return -1;
  if (self->workspace.len < RECEIVE_BYTES) {
    PyErr_SetString(PyExc_ValueError, "the workspace holds no datagram");
    return -1;
  }
  Py_INCREF(lanes);
  Py_XSETREF(self->lanes, lanes);
  Py_INCREF(otherwise);
  Py_XSETREF(self->otherwise, otherwise);
  return 0;
}

static int reader_traverse(Reader *self, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(self->lanes);
  Py_VISIT(self->otherwise);
  return 0;
}

static int reader_clear(Reader *self) {
  Py_CLEAR(self->lanes);
  Py_CLEAR(self->otherwise);
  return 0;
}

static void reader_dealloc(Reader *self) {
  PyObject_GC_UnTrack(self);
  reader_clear(self);
  if (self->workspace.obj) PyBuffer_Release(&self->workspace);
  PyTypeObject *type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyObject *reader_call(Reader *self, PyObject *args, PyObject *kwargs) {
  uint8_t *p = self->workspace.buf;
  for (int count = 0; count < MAX_DATAGRAMS; count++) {
    ssize_t size = recv(self->fd, p, RECEIVE_BYTES, MSG_DONTWAIT);
    if (size < 0) break; /* nothing there, or an ICMP error of an earlier packet */
    if (size >= 12 && p[0] >= 128 && p[0] <= 191 && !(p[1] >= 192 && p[1] <= 223)) {
      PyObject *key = PyLong_FromUnsignedLong(read_long(p + 8));
      if (!key) return NULL;
      PyObject *lane = PyDict_GetItemWithError(self->lanes, key);
      Py_DECREF(key);
      if (!lane && PyErr_Occurred()) return NULL;
      if (lane && Py_IS_TYPE(lane, lane_type)) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        int taken = lane_take(lane, p, size, t.tv_sec + t.tv_nsec * 1e-9);
        if (taken < 0) return NULL;
        if (taken) continue;
      }
    }
    PyObject *number = PyLong_FromSsize_t(size);
    if (!number) return NULL;
    PyObject *done = PyObject_CallOneArg(self->otherwise, number);
    Py_DECREF(number);
    Py_XDECREF(done);
    return done ? Py_NewRef(Py_None) : NULL; /* Python may have closed the socket */
  }
  Py_RETURN_NONE;
}

static PyType_Slot reader_slots[] = {{Py_tp_new, PyType_GenericNew},
                                     {Py_tp_init, reader_init},
                                     {Py_tp_traverse, reader_traverse},
                                     {Py_tp_clear, reader_clear},
                                     {Py_tp_dealloc, reader_dealloc},
                                     {Py_tp_call, reader_call},
                                     {0, NULL}};
static PyType_Spec reader_spec = {"bots.media._lane.Reader", sizeof(Reader), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
                                  reader_slots};

PyTypeObject *make_reader_type(void) {
  return (PyTypeObject *)PyType_FromSpec(&reader_spec);
}
