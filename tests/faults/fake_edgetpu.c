/* A libedgetpu.so.1 that finds its device and leaves all work to the CPU, until the file $EDGETPU_FAULT says what
   happens to the next inference: "abort" or "hang". With $EDGETPU_CRASHES it ends the process when a model is opened, as
   Google's does with a newer runtime. Of the TFLite C API it declares what it touches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Context Context;
typedef struct Node Node;
typedef struct Registration {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  void *profiling_string;
  int builtin_code;
  const char *custom_name;
} Registration;

enum { CUSTOM_OPERATOR = 32 };

struct Context {
  size_t tensors_size;
  int (*get_execution_plan)(Context *, int **);
  void *tensors, *impl;
  void *resize_tensor, *report_error, *add_tensors;
  int (*get_node)(Context *, int, Node **, Registration **);
};
typedef struct Delegate {
  void *data;
  int (*prepare)(Context *, struct Delegate *);
  void *copy_from, *copy_to, *free_buffer;
  long long flags;
  void *opaque;
} Delegate;

/* The daemon has a model for faces and one for emotions: an operator of each is faulty. */
static struct {
  Node *node;
  int (*invoke)(Context *, Node *);
} faulty[4];
static int count;

static int faulty_invoke(Context *context, Node *node) {
  char fault[16] = "";
  FILE *file = getenv("EDGETPU_FAULT") ? fopen(getenv("EDGETPU_FAULT"), "r") : NULL;
  if (file) {
    if (fscanf(file, "%15s", fault) != 1) fault[0] = 0;
    fclose(file);
  }
  if (!strcmp(fault, "abort")) abort();
  while (!strcmp(fault, "hang")) pause();
  for (int i = 0; i < count; i++)
    if (faulty[i].node == node) return faulty[i].invoke(context, node);
  return 1;
}

static int prepare(Context *context, Delegate *delegate) {
  int *plan;
  Node *node;
  Registration *registration;
  if (getenv("EDGETPU_CRASHES")) abort();
  if (count == 4 || context->get_execution_plan(context, &plan)) return 1;
  if (context->get_node(context, plan[plan[0]], &node, &registration)) return 1;
  faulty[count].node = node;
  faulty[count++].invoke = registration->invoke;
  registration->invoke = faulty_invoke;
  /* Or XNNPACK, which comes after this delegate, would do the work of this operator itself. */
  registration->builtin_code = CUSTOM_OPERATOR;
  registration->custom_name = "faulty";
  return 0;
}

void *tflite_plugin_create_delegate(char **keys, char **values, size_t options, void (*report)(const char *)) {
  if (getenv("EDGETPU_ABSENT")) return NULL;
  Delegate *delegate = calloc(1, sizeof *delegate);
  delegate->prepare = prepare;
  return delegate;
}

void tflite_plugin_destroy_delegate(void *delegate) { free(delegate); }
