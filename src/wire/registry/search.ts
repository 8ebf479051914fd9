// What an index of repositories answers. Types only.
// Source: Engine API, ImageSearch; Docker Hub's and private registries' /v1/search.

export interface SearchResult {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}
